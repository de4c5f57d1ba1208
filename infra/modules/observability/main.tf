# What somebody must hear of: failures by EventBridge, lags and sizes by alarms, all to one topic; and a dashboard of it.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id

  # Services tell of failures by events; their metrics come late or not at all.
  failures = { for what, pattern in {
    glue-jobs     = { names = values(var.glue_jobs), source = "aws.glue", type = "Glue Job State Change", detail = { state = ["FAILED", "TIMEOUT", "ERROR"], jobName = values(var.glue_jobs) } }
    glue-crawlers = { names = values(var.crawlers), source = "aws.glue", type = "Glue Crawler State Change", detail = { state = ["Failed"], crawlerName = values(var.crawlers) } }
    athena        = { names = values(var.workgroups), source = "aws.athena", type = "Athena Query State Change", detail = { currentState = ["FAILED"], workgroupName = values(var.workgroups) } }
    quality       = { names = values(var.rule_sets), source = "aws.glue-dataquality", type = "Data Quality Evaluation Results Available", detail = { state = ["FAILED"], rulesetNames = values(var.rule_sets) } }
  } : what => { source = [pattern.source], "detail-type" = [pattern.type], detail = pattern.detail } if length(pattern.names) > 0 }
  runs = { for what, pattern in {
    dms      = { arns = [for task in values(var.dms_tasks) : task.arn], source = "aws.dms", detail = { category = ["Failure"] } }
    datasync = { arns = values(var.datasync_tasks), source = "aws.datasync", detail = { State = ["ERROR"] } }
  } : what => { source = [pattern.source], resources = [for arn in pattern.arns : { prefix = arn }], detail = pattern.detail } if length(pattern.arns) > 0 }
  patterns = merge({ for what, pattern in local.failures : what => jsonencode(pattern) }, { for what, pattern in local.runs : what => jsonencode(pattern) })

  lags = merge([for name, task in var.dms_tasks : { for end in ["Source", "Target"] : "${name}-${lower(end)}" => { metric = "CDCLatency${end}", dimensions = task.dimensions } }]...)

  # DMS's lags, buckets' sizes, and what the job says of itself when it ends: one that never starts fails nowhere, and says nothing.
  # https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Monitoring.html
  alarms = merge(
    { for name, lag in local.lags : "${name}-lag" => { what = "Changes of ${name} are more than ${var.lag_minutes} minutes old when DMS has them, or it does not run", of = ["AWS/DMS", lag.metric], dimensions = lag.dimensions, statistic = "Maximum", seconds = 60, times = 5, above = var.lag_minutes * 60, below = null, missing = "breaching" } },
    { for key, bucket in var.bucket_limits_gb : "${key}-size" => { what = "Bucket ${bucket.name} holds more than ${bucket.gb} GB", of = ["AWS/S3", "BucketSizeBytes"], dimensions = { BucketName = bucket.name, StorageType = "StandardStorage" }, statistic = "Maximum", seconds = 86400, times = 1, above = bucket.gb * 1024 * 1024 * 1024, below = null, missing = "notBreaching" } },
    { for minutes in var.merge_minutes[*] : "merge-missing" => { what = "No run of the job that merges has ended for three times ${minutes} minutes", of = ["Lakewright", "MergeSeconds"], dimensions = { Lake = var.name }, statistic = "SampleCount", seconds = minutes * 60, times = 3, above = null, below = 1, missing = "breaching" } },
    # Between two runs it stays as it was.
    { for minutes in var.capture_minutes[*] : "capture-old" => { what = "What the job found in raw is more than ${minutes} minutes old: nothing captures", of = ["Lakewright", "CaptureAge"], dimensions = { Lake = var.name }, statistic = "Maximum", seconds = coalesce(var.merge_minutes, 60) * 60, times = 1, above = minutes * 60, below = null, missing = "ignore" } },
  )
}

resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn # publishers drop alarms in silence where the topic has AWS's own key
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "Publish"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]

    principals {
      type        = "Service"
      identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com", "dms.amazonaws.com", "events.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

# Each address gets a mail that it must answer; until then nothing reaches it.
resource "aws_sns_topic_subscription" "mail" {
  for_each  = var.emails
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_event_rule" "failure" {
  for_each      = local.patterns
  name          = "${var.name}-${each.key}-failed"
  description   = "Failures of ${each.key}"
  event_pattern = each.value
}

resource "aws_cloudwatch_event_target" "failure" {
  for_each = local.patterns
  rule     = aws_cloudwatch_event_rule.failure[each.key].name
  arn      = aws_sns_topic.this.arn
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.what
  namespace           = each.value.of[0]
  metric_name         = each.value.of[1]
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.seconds
  evaluation_periods  = each.value.times
  comparison_operator = each.value.below != null ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = coalesce(each.value.below, each.value.above)
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({ widgets = [for number, graph in [
    { title = "Age of changes, seconds", stat = "Maximum", metrics = [for name, lag in local.lags : concat(["AWS/DMS", lag.metric], flatten([for key, value in lag.dimensions : [key, value]]))] },
    { title = "Capture: rows a second", stat = "Average", metrics = [for task in values(var.dms_tasks) : concat(["AWS/DMS", "CDCThroughputRowsTarget"], flatten([for key, value in task.dimensions : [key, value]]))] },
    { title = "Merges: rows", stat = "Sum", metrics = length(var.glue_jobs) > 0 ? [["Lakewright", "MergedRows", "Lake", var.name]] : [] },
    { title = "Merges: seconds, and the age of what they found", stat = "Maximum", metrics = length(var.glue_jobs) > 0 ? [for metric in ["MergeSeconds", "CaptureAge"] : ["Lakewright", metric, "Lake", var.name]] : [] },
    { title = "Glue: tasks that failed", stat = "Sum", metrics = [for job in values(var.glue_jobs) : ["Glue", "glue.driver.aggregate.numFailedTasks", "JobName", job, "JobRunId", "ALL", "Type", "count"]] },
    { title = "Athena: bytes scanned", stat = "Sum", metrics = [for workgroup in values(var.workgroups) : ["AWS/Athena", "ProcessedBytes", "WorkGroup", workgroup]] },
    { title = "Athena: queries", stat = "SampleCount", metrics = [for workgroup in values(var.workgroups) : ["AWS/Athena", "TotalExecutionTime", "WorkGroup", workgroup]] },
    { title = "S3: bytes", stat = "Maximum", metrics = [for bucket in values(var.bucket_limits_gb) : ["AWS/S3", "BucketSizeBytes", "BucketName", bucket.name, "StorageType", "StandardStorage"]] },
    ] : {
    type       = "metric"
    x          = number % 2 * 12
    y          = floor(number / 2) * 6
    width      = 12
    height     = 6
    properties = { title = graph.title, stat = graph.stat, period = 300, region = data.aws_region.current.name, metrics = graph.metrics }
  } if length(graph.metrics) > 0] })
}
