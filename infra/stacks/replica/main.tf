# A copy of a lake's rows in another region: a key and buckets there, and S3 that copies to them. Raw and tables are copied, which
# nothing makes again as they were; of a lake in one bucket all of that bucket.

data "aws_region" "there" {
  provider = aws.replica
}

locals {
  zones   = { for zone, settings in var.lake.zones : zone => settings if var.lake.one_bucket || contains(["raw", "tables"], settings.holds) }
  buckets = var.lake.one_bucket ? { lake = keys(local.zones)[0] } : { for zone in keys(local.zones) : zone => zone }
}

module "kms" {
  source        = "../../modules/kms"
  providers     = { aws = aws.replica }
  name          = var.name
  deletion_days = var.lake.disposable ? 7 : 30
}

# S3 copies objects, and not what a lifecycle does with them, so the zones age there by the same rules.
module "storage" {
  source        = "../../modules/storage"
  providers     = { aws = aws.replica }
  name          = var.name
  zones         = local.zones
  one_bucket    = var.lake.one_bucket
  kms_key_arn   = module.kms.arn
  force_destroy = var.lake.disposable
}

module "replication" {
  source = "../../modules/replication"
  name   = var.name

  replicas = {
    for bucket, zone in local.buckets : bucket => {
      source = { bucket_arn = local.zones[zone].bucket_arn, kms_key_arn = var.lake.kms_key_arn }
      target = { bucket_arn = module.storage.zones[zone].bucket_arn, kms_key_arn = module.kms.arn }
    }
  }
}
