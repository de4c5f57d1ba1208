output "role_arn" {
  description = "ARN of the role with which S3 copies."
  value       = aws_iam_role.this.arn
}

output "replicas" {
  description = "Name of the bucket to which each is copied."
  value       = { for name, copy in aws_s3_bucket_replication_configuration.this : name => trimprefix(copy.rule[0].destination[0].bucket, local.s3) }
}
