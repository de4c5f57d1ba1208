module "glue_job" {
  source      = "../.."
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  role_arn    = "arn:aws:iam::123456789012:role/shop-dev-merge"
  logs_uri    = "s3://shop-dev-logs/glue/"

  jobs = {
    merge = { description = "Merges raw into the tables", script_uri = "s3://shop-dev-code/merge.py" }
  }
}
