# Files into a lake: the role of DataSync and a task for each transfer, into folders of raw under datasync/.

module "iam" {
  source      = "../../modules/iam"
  name        = var.name
  kms_key_arn = var.lake.kms_key_arn

  roles = {
    files = {
      service     = "datasync"
      description = "Lets DataSync bring files to raw"
      reads       = [for transfer in values(var.transfers) : transfer.source_location.s3 if transfer.source_location.s3 != null]
      writes = [
        { bucket_arn = var.lake.raw.bucket_arn, prefix = "${var.lake.raw.prefix}datasync/" },
        { bucket_arn = var.lake.logs.bucket_arn, prefix = "${var.lake.logs.prefix}datasync/" },
      ]
    }
  }
}

module "datasync" {
  source           = "../../modules/datasync"
  for_each         = var.transfers
  name             = var.name
  task_name        = each.key
  kms_key_arn      = var.lake.kms_key_arn
  source_location  = each.value.source_location
  patterns         = each.value.patterns
  schedule         = each.value.schedule
  bytes_per_second = each.value.bytes_per_second
  keep_deleted     = each.value.keep_deleted
  log_days         = var.log_days
  target           = { bucket_arn = var.lake.raw.bucket_arn, prefix = "${var.lake.raw.prefix}datasync/${each.value.folder}", role_arn = module.iam.arns["files"] }
  report           = { bucket_arn = var.lake.logs.bucket_arn, prefix = "${var.lake.logs.prefix}datasync/", role_arn = module.iam.arns["files"] }
}
