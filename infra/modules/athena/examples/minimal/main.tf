module "athena" {
  source      = "../.."
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  results_uri = "s3://shop-dev-results/"
  workgroups  = { analysts = { description = "People", scan_limit_mb = 10240 } }
}
