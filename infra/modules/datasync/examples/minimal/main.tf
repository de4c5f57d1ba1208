module "datasync" {
  source      = "../.."
  name        = "shop-dev"
  task_name   = "exports"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  target      = { bucket_arn = "arn:aws:s3:::shop-dev-raw", prefix = "datasync/exports/", role_arn = "arn:aws:iam::123456789012:role/shop-dev-files" }
  report      = { bucket_arn = "arn:aws:s3:::shop-dev-logs", prefix = "datasync/", role_arn = "arn:aws:iam::123456789012:role/shop-dev-files" }

  source_location = {
    nfs = { server = "files.shop.example", path = "/exports", agent_arns = ["arn:aws:datasync:us-east-1:123456789012:agent/agent-0123456789abcdef0"] }
  }
}
