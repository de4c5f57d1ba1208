module "kms" {
  source = "../.."
  name   = "shop-dev"
}
