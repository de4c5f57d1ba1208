# AutoCorp's lake, as production has it, smaller.

provider "aws" {
  region      = var.region
  max_retries = var.aws_max_retries

  default_tags {
    tags = { Lake = "autocorp-staging", Environment = "staging", ManagedBy = "terraform" }
  }
}

module "autocorp" {
  source      = "../lake"
  environment = "staging"
  shop_login  = var.shop_login
  exports     = var.exports
  emails      = var.emails

  network = {
    vpc = { cidr = "10.41.0.0/20", availability_zones = ["${var.region}a", "${var.region}b"] }
    routes = {
      shop = {
        cidr                      = var.shop_address.route
        vpn_gateway_id            = var.shop_address.vpn_gateway_id
        transit_gateway_id        = var.shop_address.transit_gateway_id
        vpc_peering_connection_id = var.shop_address.vpc_peering_connection_id
      }
    }
  }
  shop = {
    address  = { cidr = var.shop_address.cidr, port = var.shop_address.port }
    instance = {}
  }
  bucket_limit_gb = 500
  monthly_usd     = 400
}
