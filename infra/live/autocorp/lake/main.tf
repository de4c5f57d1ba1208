# AutoCorp's lake: its shop's database and the files that its other systems export. lake.yaml sizes it: `lakewright deploy render`
# writes what is taken here.

locals {
  tables  = jsondecode(file("${var.rendered}/tables.json"))
  queries = { for name in fileset("${var.rendered}/queries", "*.sql") : trimsuffix(name, ".sql") => file("${var.rendered}/queries/${name}") }
  rules   = { for name in fileset("${var.rendered}/rules", "*.dqdl") : trimsuffix(name, ".dqdl") => file("${var.rendered}/rules/${name}") }
}

module "lake" {
  source          = "../../../stacks/lake"
  name            = var.lake.name
  zones           = var.lake.zones
  disposable      = var.lake.disposable
  tables          = local.tables
  rules           = local.rules
  crawlers        = var.lake.crawlers
  project         = file("${var.rendered}/project.json")
  log_days        = var.lake.log_days
  emails          = var.lake.emails
  bucket_limit_gb = var.lake.bucket_limit_gb
  merge_minutes   = var.lake.merge.every_minutes
  capture_minutes = var.lake.merge.capture_minutes
  monthly_usd     = var.lake.monthly_usd
  anomaly_usd     = var.lake.anomaly_usd
  trail           = var.lake.trail

  network = {
    vpc       = var.lake.network
    routes    = { shop = merge(var.shop_gateway, { cidr = var.lake.databases.shop.route }) }
    databases = { shop = { cidr = var.lake.databases.shop.address, port = var.lake.databases.shop.port } }
  }
  queries = {
    for name, sql in local.queries : name => { workgroup = "analysts", zone = "curated", sql = sql, description = try(regex("^-- (.*)", sql)[0], null) }
  }
  jobs = {
    merge = {
      description     = "Merges what was captured into the tables"
      script          = "merge.py"
      worker_type     = var.lake.merge.worker_type
      max_workers     = var.lake.merge.max_workers
      timeout_minutes = var.lake.merge.timeout_minutes
      flexible        = var.lake.merge.flexible
    }
  }
  jobs_in_vpc = var.lake.merge.in_vpc
  start = {
    by       = var.lake.merge.schedule == "arrival" ? "arrival" : "schedule"
    schedule = var.lake.merge.schedule == "arrival" ? null : var.lake.merge.schedule
  }
  watched = {
    dms_tasks      = { shop = module.shop.task }
    datasync_tasks = module.exports.tasks
  }
}

module "shop" {
  source         = "../../../stacks/cdc"
  name           = var.lake.name
  lake           = module.lake.lake
  source_name    = "shop"
  database       = var.lake.databases.shop
  login          = var.shop_login
  instance       = var.lake.dms.instance
  serverless     = var.lake.dms.serverless
  table_mappings = file("${var.rendered}/dms/shop/table-mappings.json")
  task_settings  = file("${var.rendered}/dms/shop/task-settings.json")
  log_days       = var.lake.log_days
}

module "exports" {
  source   = "../../../stacks/files"
  name     = var.lake.name
  lake     = module.lake.lake
  log_days = var.lake.log_days

  transfers = {
    for name, transfer in var.lake.transfers : name => {
      folder          = transfer.folder
      patterns        = transfer.patterns
      schedule        = transfer.schedule
      keep_deleted    = transfer.keep_deleted
      source_location = { nfs = merge(var.exports, { path = transfer.path }) }
    }
  }
}

module "replica" {
  source    = "../../../stacks/replica"
  count     = var.lake.replica_region == null ? 0 : 1
  providers = { aws = aws, aws.replica = aws.replica }
  name      = var.lake.name
  lake      = module.lake.lake
}
