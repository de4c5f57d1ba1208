module "quality" {
  source = "../.."
  name   = "shop-dev"

  rules = {
    orders = { database = "shop_dev_curated", table = "orders", document = "Rules = [ IsComplete \"id\", ColumnValues \"total\" >= 0 ]" }
  }
}
