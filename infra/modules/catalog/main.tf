# The Glue Data Catalog: databases, Hudi tables as they are when they are made, crawlers of raw, statistics for Athena's planner.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  prefix = replace(var.name, "-", "_")
  hudi   = "org.apache.hudi.hadoop"

  # A merge-on-read table is two in the catalog: the newest rows, and those that are compacted.
  # https://docs.aws.amazon.com/athena/latest/ug/querying-hudi.html
  suffixes = { cow = [""], mor = ["_rt", "_ro"] }
  views = merge([
    for key, table in var.tables : {
      for suffix in lookup(local.suffixes, table.type, []) : "${key}${suffix}" => merge(table, {
        view  = "${table.name}${suffix}"
        input = suffix == "_rt" ? "realtime.HoodieParquetRealtimeInputFormat" : "HoodieParquetInputFormat"
      })
    }
  ]...)

  # Hudi's own columns stand before the table's.
  meta = ["_hoodie_commit_time", "_hoodie_commit_seqno", "_hoodie_record_key", "_hoodie_partition_path", "_hoodie_file_name"]
}

resource "aws_glue_catalog_database" "this" {
  for_each     = var.databases
  name         = "${local.prefix}_${each.key}"
  description  = each.value.description
  location_uri = each.value.location
}

# Terraform makes a table; what its columns, properties and folder become is the job's affair, which no plan may undo.
resource "aws_glue_catalog_table" "this" {
  for_each      = local.views
  name          = each.value.view
  database_name = aws_glue_catalog_database.this[each.value.database].name
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL                                           = "TRUE"
    "spark.sql.sources.provider"                       = "hudi"
    athena_enable_native_hudi_connector_implementation = "true" # Hudi 0.15 in Athena, which else has 0.14
  }

  storage_descriptor {
    location      = each.value.location
    input_format  = "${local.hudi}.${each.value.input}"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      parameters            = { "hoodie.query.as.ro.table" = tostring(endswith(each.value.view, "_ro")), path = each.value.location }
    }
    dynamic "columns" {
      for_each = concat([for name in local.meta : { name = name, type = "string" }], each.value.columns)
      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
  dynamic "partition_keys" {
    for_each = each.value.partitions
    content {
      name = partition_keys.value.name
      type = partition_keys.value.type
    }
  }

  lifecycle {
    ignore_changes = [parameters, storage_descriptor[0].columns, storage_descriptor[0].location, storage_descriptor[0].ser_de_info]
  }
}

# A crawler that finds Parquet under a Hudi table registers every version of every row: crawlers serve raw alone.
resource "aws_glue_crawler" "this" {
  for_each               = var.crawlers
  name                   = "${var.name}-${each.key}"
  database_name          = aws_glue_catalog_database.this[each.value.database].name
  role                   = each.value.role_arn
  schedule               = each.value.schedule
  security_configuration = var.security_configuration

  dynamic "s3_target" {
    for_each = each.value.paths
    content {
      path       = s3_target.value
      exclusions = ["**/_manifests/**", "**/_schemas/**", "**/_definitions/**", "**/_arrivals/**", "**/_leases/**"]
    }
  }
  # A column that went stays known, and a table that went is marked: raw keeps what it had.
  schema_change_policy {
    update_behavior = "UPDATE_IN_DATABASE"
    delete_behavior = "DEPRECATE_IN_DATABASE"
  }
  recrawl_policy {
    recrawl_behavior = "CRAWL_EVERYTHING" # the only one that may change a table
  }
}

# https://docs.aws.amazon.com/glue/latest/dg/column-statistics.html
resource "aws_scheduler_schedule" "statistics" {
  for_each                     = var.statistics != null ? { for key, view in local.views : key => view if !endswith(view.view, "_rt") } : {}
  name                         = "${var.name}-statistics-${replace(each.key, "_", "-")}"
  description                  = "Column statistics of ${each.value.view}, for the planner of Athena"
  schedule_expression          = var.statistics.schedule
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 60
  }
  target {
    arn      = "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:glue:startColumnStatisticsTaskRun"
    role_arn = var.statistics.scheduler_role_arn

    input = jsonencode({
      CatalogID    = data.aws_caller_identity.current.account_id
      DatabaseName = aws_glue_catalog_database.this[each.value.database].name
      TableName    = aws_glue_catalog_table.this[each.key].name
      Role         = var.statistics.glue_role_arn
    })
  }
}
