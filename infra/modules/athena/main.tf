# Athena: workgroups whose limits nobody can lift, saved queries, views. Reuse of results is asked for by each query
# (`--result-reuse-configuration`), a workgroup has no setting for it. The built-in workgroup `primary` is nobody's here.

data "aws_caller_identity" "current" {}

locals {
  # A view is a table whose text holds the query as Athena's engine wrote it down.
  engine_types = { string = "varchar", int = "integer", float = "real", binary = "varbinary" }
  views = {
    for key, view in var.views : key => jsonencode({
      originalSql = view.sql
      catalog     = "awsdatacatalog"
      schema      = view.database
      columns     = [for column in view.columns : { name = column.name, type = lookup(local.engine_types, column.type, column.type) }]
    })
  }
}

resource "aws_athena_workgroup" "this" {
  for_each      = var.workgroups
  name          = "${var.name}-${each.key}"
  description   = each.value.description
  force_destroy = true # the history of queries goes with it; results are in their zone

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = each.value.scan_limit_mb * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }
    result_configuration {
      output_location       = "${var.results_uri}${each.key}/"
      expected_bucket_owner = data.aws_caller_identity.current.account_id

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each    = var.queries
  name        = each.key
  description = each.value.description
  workgroup   = aws_athena_workgroup.this[each.value.workgroup].id
  database    = each.value.database
  query       = each.value.sql
}

resource "aws_glue_catalog_table" "view" {
  for_each           = var.views
  name               = each.value.name
  database_name      = each.value.database
  table_type         = "VIRTUAL_VIEW"
  view_original_text = "/* Presto View: ${base64encode(local.views[each.key])} */"
  view_expanded_text = "/* Presto View */"
  parameters         = { presto_view = "true", comment = "Presto View" }

  storage_descriptor {
    dynamic "columns" {
      for_each = each.value.columns
      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
    ser_de_info {
      name = "view"
    }
  }
}
