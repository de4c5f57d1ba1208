mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name             = "shop-dev"
  kms_key_arn      = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  emails           = ["data@shop.example"]
  glue_jobs        = { merge = "shop-dev-merge" }
  crawlers         = { csv = "shop-dev-csv" }
  workgroups       = { analysts = "shop-dev-analysts" }
  rule_sets        = { orders = "shop-dev-orders" }
  datasync_tasks   = { exports = "arn:aws:datasync:us-east-1:123456789012:task/task-1" }
  merge_minutes    = 15
  capture_minutes  = 30
  bucket_limits_gb = { raw = { name = "shop-dev-raw", gb = 500 } }
  dms_tasks = {
    shop = {
      arn        = "arn:aws:dms:us-east-1:123456789012:task:ABC"
      dimensions = { ReplicationInstanceIdentifier = "shop-dev", ReplicationTaskIdentifier = "ABC" }
    }
  }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "the_topic_is_encrypted_and_this_accounts" {
  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == var.kms_key_arn && keys(aws_sns_topic_subscription.mail) == ["data@shop.example"]
    error_message = "alarms are in the clear, or go to nobody"
  }
  assert {
    condition     = alltrue([for allow in data.aws_iam_policy_document.topic.statement : one(allow.condition).variable == "aws:SourceAccount" if allow.effect != "Deny"])
    error_message = "another account may publish"
  }
}

run "every_failure_is_told" {
  assert {
    condition     = toset(keys(aws_cloudwatch_event_rule.failure)) == toset(["athena", "datasync", "dms", "glue-crawlers", "glue-jobs", "quality"]) && length(aws_cloudwatch_event_target.failure) == 6
    error_message = "rules: ${join(", ", keys(aws_cloudwatch_event_rule.failure))}"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.failure["glue-jobs"].event_pattern).detail.jobName == ["shop-dev-merge"] && jsondecode(aws_cloudwatch_event_rule.failure["datasync"].event_pattern).resources[0].prefix == var.datasync_tasks.exports
    error_message = "jobs of other lakes are told of"
  }
}

run "lag_and_size_have_alarms" {
  assert {
    condition     = toset([for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name if endswith(key, "-lag")]) == toset(["CDCLatencySource", "CDCLatencyTarget"])
    error_message = "an end of DMS has no alarm"
  }
  assert {
    condition     = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.threshold == 600 && alarm.treat_missing_data == "breaching" && length(alarm.dimensions) == 2 if endswith(key, "-lag")])
    error_message = "a task that stands still looks well"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["raw-size"].threshold == 536870912000 && aws_cloudwatch_metric_alarm.this["raw-size"].treat_missing_data == "notBreaching"
    error_message = "the size of raw has another limit"
  }
}

run "a_job_that_is_silent_and_a_capture_that_stands_still" {
  assert {
    condition = [for key in ["merge-missing", "capture-old"] : [for alarm in [aws_cloudwatch_metric_alarm.this[key]] : [alarm.namespace, alarm.metric_name, alarm.dimensions.Lake, alarm.threshold, alarm.period, alarm.treat_missing_data, alarm.comparison_operator]][0]] == [
      ["Lakewright", "MergeSeconds", "shop-dev", 1, 900, "breaching", "LessThanThreshold"],
      ["Lakewright", "CaptureAge", "shop-dev", 1800, 900, "ignore", "GreaterThanThreshold"],
    ]
    error_message = "nobody hears of a job that does not run, or of raw that gets old"
  }
}

run "without_a_schedule_silence_is_no_fault" {
  variables {
    merge_minutes   = null
    capture_minutes = null
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["raw-size", "shop-source-lag", "shop-target-lag"])
    error_message = "a job that nothing starts is missed"
  }
}

run "more_than_a_day_between_merges" {
  command = plan
  variables {
    merge_minutes = 2880
  }
  expect_failures = [var.merge_minutes]
}

run "a_capture_that_is_never_young_enough" {
  command = plan
  variables {
    capture_minutes = 0
  }
  expect_failures = [var.capture_minutes]
}

run "a_dashboard_of_it" {
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 8
    error_message = "a graph is missing"
  }
}

run "nothing_of_the_account_unless_asked" {
  assert {
    condition     = length(aws_cloudtrail.this) + length(aws_budgets_budget.this) + length(aws_ce_anomaly_monitor.this) + length(aws_ce_anomaly_subscription.this) == 0
    error_message = "a trail or budget is made twice in an account"
  }
}

run "audit_and_cost" {
  variables {
    trail       = { bucket = "shop-dev-logs", data_arns = ["arn:aws:s3:::shop-dev-curated/"] }
    budget      = { monthly_usd = 420, tag_key = "Lake", tag_value = "shop-dev" }
    anomaly_usd = 50
  }
  assert {
    condition     = aws_cloudtrail.this[0].enable_log_file_validation && aws_cloudtrail.this[0].kms_key_id == var.kms_key_arn && aws_cloudtrail.this[0].s3_key_prefix == "cloudtrail" && aws_cloudtrail.this[0].is_multi_region_trail
    error_message = "the trail can be forged, read or left out"
  }
  assert {
    condition     = aws_budgets_budget.this[0].limit_amount == "420" && one(aws_budgets_budget.this[0].cost_filter).values[0] == "user:Lake$shop-dev"
    error_message = "the budget is of something else"
  }
  assert {
    condition     = length(aws_ce_anomaly_subscription.this) == 1
    error_message = "unusual costs are told to nobody"
  }
}

run "an_address_that_is_none" {
  command = plan
  variables {
    emails = ["data"]
  }
  expect_failures = [var.emails]
}

run "a_lag_below_a_minute" {
  command = plan
  variables {
    lag_minutes = 0.5
  }
  expect_failures = [var.lag_minutes]
}

run "a_size_of_nothing" {
  command = plan
  variables {
    bucket_limits_gb = { raw = { name = "shop-dev-raw", gb = 0 } }
  }
  expect_failures = [var.bucket_limits_gb]
}

run "a_trail_of_a_bucket_without_objects" {
  command = plan
  variables {
    trail = { bucket = "logs", data_arns = ["arn:aws:s3:::curated"] }
  }
  expect_failures = [var.trail]
}

run "a_budget_of_nothing" {
  command = plan
  variables {
    budget = { monthly_usd = 0, tag_key = "Lake", tag_value = "shop" }
  }
  expect_failures = [var.budget]
}

run "an_anomaly_of_nothing" {
  command = plan
  variables {
    anomaly_usd = 0
  }
  expect_failures = [var.anomaly_usd]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}

run "a_key_named_by_its_alias" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:alias/shop"
  }
  expect_failures = [var.kms_key_arn]
}
