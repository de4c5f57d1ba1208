output "zones" {
  description = "Each zone's bucket (name and ARN) and prefix, the ARN of its objects and its URI, all ready to be extended."
  value = {
    for zone, place in local.zones : zone => {
      holds       = var.zones[zone].holds
      bucket      = aws_s3_bucket.this[place.bucket].id
      bucket_arn  = local.arns[place.bucket]
      prefix      = place.prefix
      objects_arn = "${local.arns[place.bucket]}/${place.prefix}*"
      uri         = "s3://${local.names[place.bucket]}/${place.prefix}"
    }
  }
  depends_on = [aws_s3_bucket_policy.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this]
}

output "bucket_names" {
  description = "Names of all buckets, the one of the access logs included."
  value       = local.names
}
