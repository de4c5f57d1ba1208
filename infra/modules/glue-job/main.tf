# Jobs on Glue 5.0 (Spark 3.5.4, Hudi 0.15.0, Python 3.11), a workflow around them, and what starts it.

locals {
  # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-format-hudi.html
  spark = join(" --conf ", [
    "spark.serializer=org.apache.spark.serializer.KryoSerializer",
    "spark.sql.extensions=org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
    "spark.sql.catalog.spark_catalog=org.apache.spark.sql.hudi.catalog.HoodieCatalog",
  ])
  arguments = {
    "--datalake-formats"             = "hudi"
    "--conf"                         = local.spark
    "--enable-auto-scaling"          = "true"
    "--enable-metrics"               = "true"
    "--enable-observability-metrics" = "true"
    "--enable-spark-ui"              = "true"
    "--spark-event-logs-path"        = "${var.logs_uri}spark/"
    "--TempDir"                      = "${var.logs_uri}temporary/"
    # Where a job stands is in its tables' commits; Glue's bookmarks know nothing of Hudi.
    "--job-bookmark-option" = "job-bookmark-disable"
    # https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
    "--custom-logGroup-prefix" = "/aws-glue/jobs/${var.name}"
  }
}

resource "aws_glue_security_configuration" "this" {
  name = var.name

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.kms_key_arn
    }
    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn
    }
    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key_arn
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = toset(["error", "output"])
  name              = "/aws-glue/jobs/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_glue_connection" "this" {
  count           = var.network != null ? 1 : 0
  name            = var.name
  connection_type = "NETWORK"

  physical_connection_requirements {
    availability_zone      = var.network.availability_zone
    subnet_id              = var.network.subnet_id
    security_group_id_list = var.network.security_group_ids
  }
}

resource "aws_s3_object" "this" {
  for_each               = var.files.texts
  bucket                 = var.files.bucket
  key                    = each.key
  content                = each.value
  server_side_encryption = "aws:kms"
  kms_key_id             = var.kms_key_arn
}

resource "aws_glue_job" "this" {
  for_each               = var.jobs
  name                   = "${var.name}-${each.key}"
  description            = each.value.description
  role_arn               = var.role_arn
  glue_version           = "5.0"
  worker_type            = each.value.worker_type
  number_of_workers      = each.value.max_workers # auto-scaling starts with two and ends here
  execution_class        = each.value.flexible ? "FLEX" : "STANDARD"
  timeout                = each.value.timeout_minutes
  max_retries            = each.value.retries
  security_configuration = aws_glue_security_configuration.this.name
  connections            = aws_glue_connection.this[*].name
  default_arguments      = merge(local.arguments, each.value.arguments)
  depends_on             = [aws_cloudwatch_log_group.this, aws_s3_object.this]

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = each.value.script_uri
  }
  # One writer of a table: a second run waits for nobody, it is refused.
  execution_property {
    max_concurrent_runs = 1
  }
}

resource "aws_glue_workflow" "this" {
  name                = var.name
  description         = "The jobs of ${var.name}, one after the other"
  max_concurrent_runs = 1
}

# A workflow has one start: a clock, arrivals in raw, or a person.
resource "aws_glue_trigger" "start" {
  name              = "${var.name}-start"
  type              = { schedule = "SCHEDULED", arrival = "EVENT", demand = "ON_DEMAND" }[var.start.by]
  schedule          = var.start.by == "schedule" ? var.start.schedule : null
  workflow_name     = aws_glue_workflow.this.name
  start_on_creation = var.start.by == "schedule" ? var.start.enabled : null
  enabled           = var.start.by != "demand" && var.start.enabled # one that is on demand would run when it is made

  dynamic "actions" {
    for_each = [for key, job in var.jobs : key if length(job.after) == 0]
    content {
      job_name = aws_glue_job.this[actions.value].name
    }
  }
  # Many files of one flush are one start.
  dynamic "event_batching_condition" {
    for_each = var.start.by == "arrival" ? [var.start] : []
    content {
      batch_size   = event_batching_condition.value.batch_size
      batch_window = event_batching_condition.value.batch_seconds
    }
  }
}

resource "aws_glue_trigger" "after" {
  for_each          = { for key, job in var.jobs : key => job if length(job.after) > 0 }
  name              = "${var.name}-${each.key}-after"
  type              = "CONDITIONAL"
  workflow_name     = aws_glue_workflow.this.name
  start_on_creation = true

  predicate {
    logical = "AND"

    dynamic "conditions" {
      for_each = each.value.after
      content {
        job_name = aws_glue_job.this[conditions.value].name
        state    = "SUCCEEDED"
      }
    }
  }
  actions {
    job_name = aws_glue_job.this[each.key].name
  }
}

# https://docs.aws.amazon.com/glue/latest/dg/starting-workflow-eventbridge.html
resource "aws_cloudwatch_event_rule" "arrival" {
  count       = var.start.by == "arrival" ? 1 : 0
  name        = "${var.name}-arrival"
  description = "Files that arrive in raw start the workflow"

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = [var.start.bucket] }
      object = { key = [{ prefix = var.start.prefix }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "arrival" {
  count    = var.start.by == "arrival" ? 1 : 0
  rule     = aws_cloudwatch_event_rule.arrival[0].name
  arn      = aws_glue_workflow.this.arn
  role_arn = var.start.role_arn
}
