# AutoCorp's lake: its shop's database and the files that its other systems export. The folders beside this one size it.

locals {
  name = "autocorp-${var.environment}"
}

module "lake" {
  source          = "../../../stacks/lake"
  name            = local.name
  network         = merge(var.network, { databases = { shop = var.shop.address } })
  disposable      = var.environment == "dev"
  crawlers        = { csv = { paths = ["csv/"], schedule = "cron(0 3 * * ? *)" } }
  emails          = var.emails
  bucket_limit_gb = var.bucket_limit_gb
  monthly_usd     = var.monthly_usd
  anomaly_usd     = var.anomaly_usd
  trail           = var.trail

  watched = {
    dms_tasks      = { shop = module.shop.task }
    datasync_tasks = module.exports.tasks
  }
}

module "shop" {
  source      = "../../../stacks/cdc"
  name        = local.name
  lake        = module.lake.lake
  source_name = "shop"
  database    = { name = var.shop.database, ssl_mode = var.shop.ssl_mode, ca_certificate_pem = var.shop.ca_certificate_pem }
  login       = var.shop_login
  instance    = var.shop.instance
  serverless  = var.shop.serverless

  tables = [
    for name, key in {
      auto_parts           = ["part_id"]
      customers            = ["customer_id"]
      sales_order          = ["order_id"]
      sales_order_parts    = ["line_id"]
      sales_order_services = ["line_id"]
      service              = ["serviceid"]
      service_parts        = ["serviceid", "sku"]
    } : { schema = "public", name = name, key = key }
  ]
}

module "exports" {
  source = "../../../stacks/files"
  name   = local.name
  lake   = module.lake.lake

  transfers = {
    customers = {
      folder          = "customers_export/"
      patterns        = ["customers.csv"]
      source_location = { nfs = merge(var.exports, { path = "/exports" }) }
    }
    orders = {
      folder          = "sales_orders/"
      patterns        = ["*.csv"]
      source_location = { nfs = merge(var.exports, { path = "/exports/orders" }) }
    }
  }
}
