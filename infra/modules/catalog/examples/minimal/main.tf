module "catalog" {
  source      = "../.."
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  databases   = { curated = { description = "Tables of the shop", location = "s3://shop-dev-curated/" } }

  tables = {
    orders = { database = "curated", name = "orders", location = "s3://shop-dev-curated/orders", columns = [{ name = "id", type = "bigint" }] }
  }
}
