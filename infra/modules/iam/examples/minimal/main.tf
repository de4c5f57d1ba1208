module "iam" {
  source      = "../.."
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"

  roles = {
    capture = {
      service     = "dms"
      description = "Lets DMS write what it captures to raw"
      writes      = [{ bucket_arn = "arn:aws:s3:::shop-dev-raw", prefix = "database/" }]
    }
  }
}
