# What is told about the whole account: who called what, and what it costs. An account needs each once.

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_252:a message for each file of the trail, every five minutes, would bury the alarms
  #checkov:skip=CKV2_AWS_10:Athena reads the trail where it is; EventBridge tells of failures without a second copy
  count                         = var.trail != null ? 1 : 0
  name                          = var.name
  s3_bucket_name                = var.trail.bucket
  s3_key_prefix                 = trimsuffix("${var.trail.prefix}cloudtrail", "/")
  kms_key_id                    = var.kms_key_arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true

  # Who read or wrote rows; each such event is paid for.
  dynamic "event_selector" {
    for_each = length(var.trail.data_arns) > 0 ? [var.trail.data_arns] : []
    content {
      read_write_type           = "All"
      include_management_events = true

      data_resource {
        type   = "AWS::S3::Object"
        values = event_selector.value
      }
    }
  }
}

resource "aws_budgets_budget" "this" {
  count        = var.budget != null ? 1 : 0
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget.monthly_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:%s$%s", var.budget.tag_key, var.budget.tag_value)]
  }
  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [aws_sns_topic.this.arn]
    }
  }
}

resource "aws_ce_anomaly_monitor" "this" {
  count             = var.anomaly_usd != null ? 1 : 0
  name              = var.name
  monitor_type      = "DIMENSIONAL"
  monitor_dimension = "SERVICE"
}

resource "aws_ce_anomaly_subscription" "this" {
  count            = var.anomaly_usd != null ? 1 : 0
  name             = var.name
  frequency        = "IMMEDIATE"
  monitor_arn_list = [aws_ce_anomaly_monitor.this[0].arn]

  subscriber {
    type    = "SNS"
    address = aws_sns_topic.this.arn
  }
  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(var.anomaly_usd)]
    }
  }
}
