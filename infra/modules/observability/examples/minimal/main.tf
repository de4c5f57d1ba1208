module "observability" {
  source      = "../.."
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  emails      = ["data@shop.example"]
  glue_jobs   = { merge = "shop-dev-merge" }
}
