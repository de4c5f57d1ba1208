locals {
  key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
}

module "replication" {
  source = "../.."
  name   = "shop-prod"

  replicas = {
    curated = {
      source = { bucket_arn = "arn:aws:s3:::shop-prod-curated", kms_key_arn = local.key }
      target = { bucket_arn = "arn:aws:s3:::shop-replica-curated", kms_key_arn = replace(local.key, "us-east-1", "us-west-2") }
    }
  }
}
