mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  task_name   = "exports"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  target      = { bucket_arn = "arn:aws:s3:::shop-dev-raw", prefix = "datasync/exports/", role_arn = "arn:aws:iam::123456789012:role/shop-dev-files" }
  report      = { bucket_arn = "arn:aws:s3:::shop-dev-logs", prefix = "datasync/", role_arn = "arn:aws:iam::123456789012:role/shop-dev-files" }
  source_location = {
    nfs = { server = "files.shop.example", path = "/exports", agent_arns = ["arn:aws:datasync:us-east-1:123456789012:agent/agent-0123456789abcdef0"] }
  }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "files_are_verified_and_never_deleted_from_raw" {
  assert {
    condition     = aws_datasync_task.this.options[0].verify_mode == "ONLY_FILES_TRANSFERRED" && aws_datasync_task.this.options[0].preserve_deleted_files == "PRESERVE"
    error_message = "a file is taken without a checksum, or leaves raw with the share"
  }
  assert {
    condition     = aws_datasync_task.this.options[0].mtime == "PRESERVE"
    error_message = "nothing tells in which order files were written"
  }
  assert {
    condition     = aws_datasync_task.this.schedule[0].schedule_expression == "rate(1 hour)" && aws_datasync_task.this.name == "shop-dev-exports"
    error_message = "the task has another name or schedule"
  }
  assert {
    condition     = aws_datasync_location_s3.target.subdirectory == "/datasync/exports/" && aws_datasync_task.this.task_report_config[0].s3_destination[0].subdirectory == "/datasync/"
    error_message = "files or reports go elsewhere"
  }
  assert {
    condition     = length(aws_datasync_task.this.task_report_config[0].report_overrides) == 1
    error_message = "each plan would change the task"
  }
}

run "files_that_were_deleted_leave_raw_where_that_is_asked_for" {
  command = plan
  variables {
    keep_deleted = false
  }
  assert {
    condition     = aws_datasync_task.this.options[0].preserve_deleted_files == "REMOVE"
    error_message = "a file that was deleted stays in raw"
  }
}

run "its_log_is_encrypted_has_an_end_and_takes_datasyncs_lines_alone" {
  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn && aws_cloudwatch_log_group.this.retention_in_days == 365
    error_message = "the log is in the clear or kept for ever"
  }
  assert {
    condition     = toset([for condition in data.aws_iam_policy_document.log.statement[0].condition : condition.variable]) == toset(["aws:SourceAccount", "aws:SourceArn"])
    error_message = "a task of another account could write to the log"
  }
}

run "another_bucket_as_the_source" {
  variables {
    source_location = { s3 = { bucket_arn = "arn:aws:s3:::exports", prefix = "shop/" } }
    patterns        = ["customers.csv", "/orders/*"]
  }
  assert {
    condition     = length(aws_datasync_location_nfs.source) == 0 && aws_datasync_location_s3.source[0].subdirectory == "/shop/"
    error_message = "the source is another one"
  }
  assert {
    condition     = aws_datasync_task.this.includes[0].value == "/customers.csv|/orders/*"
    error_message = "the filter is ${aws_datasync_task.this.includes[0].value}"
  }
}

run "an_smb_share_by_its_arn" {
  variables {
    source_location = { smb_location_arn = "arn:aws:datasync:us-east-1:123456789012:location/loc-0123456789abcdef0" }
  }
  assert {
    condition     = aws_datasync_task.this.source_location_arn == "arn:aws:datasync:us-east-1:123456789012:location/loc-0123456789abcdef0"
    error_message = "the source is another one"
  }
}

run "a_task_that_aws_cannot_name" {
  command = plan
  variables {
    task_name = "Daily Exports"
  }
  expect_failures = [var.task_name]
}

run "two_sources" {
  command = plan
  variables {
    source_location = { s3 = { bucket_arn = "arn:aws:s3:::exports", prefix = "" }, smb_location_arn = "arn:aws:datasync:us-east-1:123456789012:location/loc-0123456789abcdef0" }
  }
  expect_failures = [var.source_location]
}

run "a_share_without_an_agent" {
  command = plan
  variables {
    source_location = { nfs = { server = "files", path = "/exports", agent_arns = [] } }
  }
  expect_failures = [var.source_location]
}

run "the_whole_bucket_as_the_target" {
  command = plan
  variables {
    target = { bucket_arn = "arn:aws:s3:::raw", prefix = "", role_arn = "arn:aws:iam::123456789012:role/r" }
  }
  expect_failures = [var.target]
}

run "a_pattern_with_a_bar" {
  command = plan
  variables {
    patterns = ["a.csv|b.csv"]
  }
  expect_failures = [var.patterns]
}

run "every_quarter_of_an_hour" {
  command = plan
  variables {
    schedule = "rate(15 minutes)"
  }
  expect_failures = [var.schedule]
}

run "twice_an_hour_by_cron" {
  command = plan
  variables {
    schedule = "cron(0,30 * * * ? *)"
  }
  expect_failures = [var.schedule]
}

run "hardly_any_bandwidth" {
  command = plan
  variables {
    bytes_per_second = 1000
  }
  expect_failures = [var.bytes_per_second]
}

run "a_wildcard_that_datasync_does_not_take" {
  command = plan
  variables {
    patterns = ["*.csv"]
  }
  expect_failures = [var.patterns]
}

run "a_retention_that_cloudwatch_does_not_have" {
  command = plan
  variables {
    log_days = 10
  }
  expect_failures = [var.log_days]
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
