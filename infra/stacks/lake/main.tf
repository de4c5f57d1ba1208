# A lake without its sources: zones, network, catalog, jobs, queries, and who hears when something fails. The stacks that bring rows
# in take its output `lake`; what they run comes back in `watched`, so that one place tells of all failures.

data "aws_region" "current" {}

locals {
  zones     = module.storage.zones
  raw       = one([for zone, place in local.zones : merge(place, { zone = zone }) if place.holds == "raw"])
  logs      = one([for place in values(local.zones) : place if place.holds == "logs"])
  results   = one([for place in values(local.zones) : place if place.holds == "results"])
  cataloged = { for zone, settings in var.zones : zone => settings if contains(["raw", "tables"], settings.holds) }

  # Names, not resources: the roles are made before the catalog.
  databases = { for zone in keys(local.cataloged) : zone => "${replace(var.name, "-", "_")}_${replace(zone, "-", "_")}" }
  people = length(var.analysts) == 0 ? {} : {
    analyst = {
      service      = "athena"
      description  = "Lets people query tables, and tables alone"
      trusted_arns = var.analysts
      reads        = [for zone, settings in var.zones : local.folder[zone] if settings.holds == "tables"]
      writes       = [{ bucket_arn = local.results.bucket_arn, prefix = local.results.prefix }]
      databases    = [for zone, database in local.databases : database if var.zones[zone].holds == "tables"]
    }
  }
  # What every job is told of the lake: `lakewright deploy package` makes the packages, which are uploaded beside the script.
  code = { for name, value in {
    "--bundle"                          = "${local.logs.uri}code/project.json"
    "--zones"                           = join(",", [for zone, place in local.zones : "${zone}=${trimsuffix(place.uri, "/")}" if contains(["raw", "tables", "logs"], place.holds)])
    "--databases"                       = join(",", [for zone, database in local.databases : "${zone}=${database}" if var.zones[zone].holds == "tables"])
    "--additional-python-modules"       = "${local.logs.uri}code/lakewright.gluewheels.zip"
    "--python-modules-installer-option" = "--no-index"
  } : name => value if var.project != null }
  folder = { for zone, place in local.zones : zone => { bucket_arn = place.bucket_arn, prefix = place.prefix } }

  # DMS opens its login from the VPC; S3 both reach by the gateway.
  endpoints = setunion(["secretsmanager"], var.jobs_in_vpc ? ["glue", "kms", "logs", "monitoring", "sts"] : [])
  jobs_in   = var.jobs_in_vpc ? merge(module.network.job_subnet, { security_group_ids = [module.network.security_group_ids["glue"]] }) : null

  # Beside the tables: the raw logs and the copies of files; Spark's logs and the records of files. Never what others deliver.
  merge_writes = concat(
    [for folder in ["database", "files", "csv"] : { bucket_arn = local.raw.bucket_arn, prefix = "${local.raw.prefix}${folder}/" }],
    [for folder in ["glue", "files"] : { bucket_arn = local.logs.bucket_arn, prefix = "${local.logs.prefix}${folder}/" }],
  )
}

module "kms" {
  source        = "../../modules/kms"
  name          = var.name
  deletion_days = var.disposable ? 7 : 30
}

module "storage" {
  source        = "../../modules/storage"
  name          = var.name
  zones         = var.zones
  one_bucket    = var.one_bucket
  kms_key_arn   = module.kms.arn
  force_destroy = var.disposable
}

module "network" {
  source                   = "../../modules/network"
  name                     = var.name
  vpc                      = var.network.vpc
  existing                 = var.network.existing
  routes                   = var.network.routes
  databases                = var.network.databases
  interface_endpoints      = var.network.interface_endpoints == null ? local.endpoints : var.network.interface_endpoints
  flow_log_destination_arn = "${local.logs.bucket_arn}/${local.logs.prefix}network/"
}

module "iam" {
  source      = "../../modules/iam"
  name        = var.name
  kms_key_arn = module.kms.arn

  roles = merge(local.people, {
    merge = {
      service     = "glue"
      description = "Lets Glue take what DMS and DataSync brought into the raw log, and merge that into tables"
      reads       = [local.folder[local.raw.zone], { bucket_arn = local.logs.bucket_arn, prefix = "${local.logs.prefix}code/" }]
      databases   = values(local.databases)
      network     = local.jobs_in
      writes = concat(
        [for zone, settings in var.zones : local.folder[zone] if settings.holds == "tables"],
        local.merge_writes,
      )
    }
    crawl = {
      service     = "glue"
      description = "Lets crawlers read raw and fill its database"
      reads       = [local.folder[local.raw.zone]]
      databases   = [local.databases[local.raw.zone]]
    }
    arrivals   = { service = "events", description = "Lets arrivals in raw start the workflow" }
    statistics = { service = "scheduler", description = "Lets the scheduler start column statistics" }
  })
}

module "catalog" {
  source                 = "../../modules/catalog"
  name                   = var.name
  kms_key_arn            = module.kms.arn
  security_configuration = one(module.jobs[*].security_configuration)
  databases = {
    for zone, settings in local.cataloged : replace(zone, "-", "_") => { description = "Zone ${zone} of ${var.name}", location = local.zones[zone].uri }
  }
  tables = {
    for key, table in var.tables : key => merge(table, {
      database = replace(table.zone, "-", "_")
      location = "${local.zones[table.zone].uri}${table.path}"
    })
  }
  crawlers = {
    for key, crawler in var.crawlers : key => {
      database = replace(local.raw.zone, "-", "_")
      paths    = [for path in crawler.paths : "${local.raw.uri}${path}"]
      role_arn = module.iam.arns["crawl"]
      schedule = crawler.schedule
    }
  }
  statistics = {
    schedule           = "rate(7 days)"
    scheduler_role_arn = module.iam.arns["statistics"]
    glue_role_arn      = module.iam.arns["merge"]
  }
}

module "jobs" {
  source      = "../../modules/glue-job"
  count       = length(var.jobs) > 0 ? 1 : 0
  name        = var.name
  kms_key_arn = module.kms.arn
  role_arn    = module.iam.arns["merge"]
  logs_uri    = "${local.logs.uri}glue/"
  log_days    = var.log_days
  network     = local.jobs_in
  jobs        = { for key, job in var.jobs : key => merge(job, { script_uri = "${local.logs.uri}code/${job.script}", arguments = merge(local.code, job.arguments) }) }
  files       = { bucket = local.logs.bucket, texts = { for text in [var.project] : "${local.logs.prefix}code/project.json" => text if text != null } }
  start = merge(var.start, {
    bucket   = local.raw.bucket
    prefix   = local.raw.prefix
    role_arn = module.iam.arns["arrivals"]
  })
}

module "quality" {
  source = "../../modules/quality"
  name   = var.name
  rules  = { for key, set in var.rules : key => { database = module.catalog.databases[replace(var.tables[key].zone, "-", "_")], table = var.tables[key].name, document = set } }
}

module "athena" {
  source      = "../../modules/athena"
  name        = var.name
  kms_key_arn = module.kms.arn
  results_uri = local.results.uri
  workgroups  = var.workgroups
  queries     = { for key, query in var.queries : key => merge(query, { database = module.catalog.databases[replace(query.zone, "-", "_")] }) }
  views       = { for key, view in var.views : key => merge(view, { name = key, database = module.catalog.databases[replace(view.zone, "-", "_")] }) }
}

module "observability" {
  source           = "../../modules/observability"
  name             = var.name
  kms_key_arn      = module.kms.arn
  emails           = var.emails
  dms_tasks        = var.watched.dms_tasks
  datasync_tasks   = var.watched.datasync_tasks
  glue_jobs        = try(module.jobs[0].jobs, {})
  crawlers         = module.catalog.crawlers
  workgroups       = module.athena.workgroups
  rule_sets        = module.quality.names
  merge_minutes    = var.merge_minutes
  capture_minutes  = var.capture_minutes
  bucket_limits_gb = var.bucket_limit_gb == null ? {} : { for bucket, name in module.storage.bucket_names : bucket => { name = name, gb = var.bucket_limit_gb } if bucket != "access" }
  budget           = var.monthly_usd == null ? null : { monthly_usd = var.monthly_usd, tag_key = "Lake", tag_value = var.name }
  anomaly_usd      = var.anomaly_usd

  trail = var.trail ? {
    bucket    = local.logs.bucket
    prefix    = local.logs.prefix
    data_arns = [for zone in keys(local.cataloged) : trimsuffix(local.zones[zone].objects_arn, "*")]
  } : null
}
