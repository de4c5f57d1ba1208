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

# https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Monitoring.html
resource "aws_cloudwatch_metric_alarm" "lag" {
  for_each            = local.lags
  alarm_name          = "${var.name}-${each.key}-lag"
  alarm_description   = "Changes of ${each.key} are more than ${var.lag_minutes} minutes old when DMS has them, or it does not run"
  namespace           = "AWS/DMS"
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.lag_minutes * 60
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

# What the job says of itself when it ends; one that never starts fails nowhere, and says nothing.
resource "aws_cloudwatch_metric_alarm" "merge" {
  count               = var.merge_minutes != null ? 1 : 0
  alarm_name          = "${var.name}-merge-missing"
  alarm_description   = "No run of the job that merges has ended for three times ${var.merge_minutes} minutes"
  namespace           = "Lakewright"
  metric_name         = "MergeSeconds"
  dimensions          = { Lake = var.name }
  statistic           = "SampleCount"
  period              = var.merge_minutes * 60
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

resource "aws_cloudwatch_metric_alarm" "capture" {
  count               = var.capture_minutes != null ? 1 : 0
  alarm_name          = "${var.name}-capture-old"
  alarm_description   = "What the job found in raw is more than ${var.capture_minutes} minutes old: nothing captures"
  namespace           = "Lakewright"
  metric_name         = "CaptureAge"
  dimensions          = { Lake = var.name }
  statistic           = "Maximum"
  period              = coalesce(var.merge_minutes, 60) * 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.capture_minutes * 60
  treat_missing_data  = "ignore" # between two runs it stays as it was
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

resource "aws_cloudwatch_metric_alarm" "size" {
  for_each            = var.bucket_limits_gb
  alarm_name          = "${var.name}-${each.key}-size"
  alarm_description   = "Bucket ${each.value.name} holds more than ${each.value.gb} GB"
  namespace           = "AWS/S3"
  metric_name         = "BucketSizeBytes"
  dimensions          = { BucketName = each.value.name, StorageType = "StandardStorage" }
  statistic           = "Maximum"
  period              = 86400
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.gb * 1024 * 1024 * 1024
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
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
