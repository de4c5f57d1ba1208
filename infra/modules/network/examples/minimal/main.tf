module "network" {
  source                   = "../.."
  name                     = "shop-dev"
  vpc                      = { cidr = "10.20.0.0/20", availability_zones = ["us-east-1a", "us-east-1b"] }
  flow_log_destination_arn = "arn:aws:s3:::shop-dev-logs/network/"
  databases                = { shop = { cidr = "10.20.1.15/32", port = 5432 } }
}
