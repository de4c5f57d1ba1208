mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  role_arn    = "arn:aws:iam::123456789012:role/shop-dev-merge"
  logs_uri    = "s3://shop-dev-logs/glue/"
  jobs = {
    merge    = { description = "Merges", script_uri = "s3://shop-dev-code/merge.py", arguments = { "--lake" = "shop" } }
    maintain = { description = "Maintains", script_uri = "s3://shop-dev-code/maintain.py", after = ["merge"], flexible = true }
  }
  start = { by = "schedule", schedule = "cron(0/15 * * * ? *)" }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "jobs_write_hudi_alone_and_scale" {
  assert {
    condition     = aws_glue_job.this["merge"].glue_version == "5.0" && aws_glue_job.this["merge"].execution_property[0].max_concurrent_runs == 1
    error_message = "a job runs on another Glue, or beside itself"
  }
  assert {
    condition     = aws_glue_job.this["merge"].default_arguments["--datalake-formats"] == "hudi" && aws_glue_job.this["merge"].default_arguments["--enable-auto-scaling"] == "true" && aws_glue_job.this["merge"].default_arguments["--lake"] == "shop"
    error_message = "a job lacks an argument"
  }
  assert {
    condition     = length(split(" --conf ", aws_glue_job.this["merge"].default_arguments["--conf"])) == 3
    error_message = "Spark is set up otherwise"
  }
  assert {
    condition     = aws_glue_job.this["merge"].timeout == 60 && aws_glue_job.this["maintain"].execution_class == "FLEX"
    error_message = "a job runs for two days before it is stopped"
  }
}

run "files_are_there_before_the_job_and_encrypted" {
  variables {
    files = { bucket = "shop-dev-logs", texts = { "code/project.json" = "{}" } }
  }
  assert {
    condition     = aws_s3_object.this["code/project.json"].kms_key_id == var.kms_key_arn && aws_s3_object.this["code/project.json"].bucket == "shop-dev-logs"
    error_message = "a file is elsewhere, or in the clear"
  }
}

run "files_without_a_bucket" {
  command = plan
  variables {
    files = { texts = { "code/project.json" = "{}" } }
  }
  expect_failures = [var.files]
}

run "everything_is_encrypted_and_has_an_end" {
  assert {
    condition = alltrue([
      aws_glue_security_configuration.this.encryption_configuration[0].cloudwatch_encryption[0].cloudwatch_encryption_mode == "SSE-KMS",
      aws_glue_security_configuration.this.encryption_configuration[0].job_bookmarks_encryption[0].job_bookmarks_encryption_mode == "CSE-KMS",
      aws_glue_security_configuration.this.encryption_configuration[0].s3_encryption[0].s3_encryption_mode == "SSE-KMS",
      alltrue([for job in values(aws_glue_job.this) : job.security_configuration == "shop-dev"]),
    ])
    error_message = "a job writes in the clear"
  }
  assert {
    condition     = length(aws_cloudwatch_log_group.this) == 2 && alltrue([for group in values(aws_cloudwatch_log_group.this) : group.kms_key_id == var.kms_key_arn && group.retention_in_days == 365])
    error_message = "a log is in the clear or kept for ever"
  }
}

run "a_clock_starts_the_first_and_its_success_the_next" {
  assert {
    condition     = aws_glue_trigger.start.type == "SCHEDULED" && [for action in aws_glue_trigger.start.actions : action.job_name] == ["shop-dev-merge"]
    error_message = "something else starts"
  }
  assert {
    condition     = aws_glue_trigger.after["maintain"].predicate[0].conditions[0].job_name == "shop-dev-merge" && aws_glue_trigger.after["maintain"].predicate[0].conditions[0].state == "SUCCEEDED"
    error_message = "maintain does not wait for merge"
  }
  assert {
    condition     = length(aws_cloudwatch_event_rule.arrival) == 0
    error_message = "arrivals start it too: a workflow has one start"
  }
}

run "arrivals_start_it" {
  variables {
    start = { by = "arrival", bucket = "shop-dev-raw", prefix = "database/", role_arn = "arn:aws:iam::123456789012:role/shop-dev-arrivals" }
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.arrival[0].event_pattern).detail.object.key[0].prefix == "database/" && aws_glue_trigger.start.type == "EVENT"
    error_message = "other files start it"
  }
  assert {
    condition     = aws_glue_trigger.start.event_batching_condition[0].batch_size == 100 && aws_glue_trigger.start.event_batching_condition[0].batch_window == 300
    error_message = "each file starts a run"
  }
}

run "in_a_subnet" {
  variables {
    network = { subnet_id = "subnet-1", availability_zone = "us-east-1a", security_group_ids = ["sg-1"] }
  }
  assert {
    condition     = aws_glue_connection.this[0].connection_type == "NETWORK" && tolist(aws_glue_job.this["merge"].connections) == tolist(["shop-dev"])
    error_message = "jobs run outside of the VPC"
  }
}

run "a_folder_that_is_none" {
  command = plan
  variables {
    logs_uri = "s3://shop-dev-logs"
  }
  expect_failures = [var.logs_uri]
}

run "a_script_elsewhere" {
  command = plan
  variables {
    jobs = { merge = { description = "", script_uri = "merge.py" } }
  }
  expect_failures = [var.jobs]
}

run "a_worker_that_glue_does_not_have" {
  command = plan
  variables {
    jobs = { merge = { description = "", script_uri = "s3://c/merge.py", worker_type = "m5.large" } }
  }
  expect_failures = [var.jobs]
}

run "one_worker" {
  command = plan
  variables {
    jobs = { merge = { description = "", script_uri = "s3://c/merge.py", max_workers = 1 } }
  }
  expect_failures = [var.jobs]
}

run "a_run_of_months" {
  command = plan
  variables {
    jobs = { merge = { description = "", script_uri = "s3://c/merge.py", timeout_minutes = 100000 } }
  }
  expect_failures = [var.jobs]
}

run "a_job_after_itself" {
  command = plan
  variables {
    jobs = { merge = { description = "", script_uri = "s3://c/merge.py", after = ["merge"] }, other = { description = "", script_uri = "s3://c/merge.py" } }
  }
  expect_failures = [var.jobs]
}

run "jobs_that_wait_for_each_other" {
  command = plan
  variables {
    jobs = { a = { description = "", script_uri = "s3://c/a.py", after = ["b"] }, b = { description = "", script_uri = "s3://c/b.py", after = ["a"] } }
  }
  expect_failures = [var.jobs]
}

run "an_argument_that_is_the_modules" {
  command = plan
  variables {
    jobs = { merge = { description = "", script_uri = "s3://c/merge.py", arguments = { "--conf" = "spark.x=y" } } }
  }
  expect_failures = [var.jobs]
}

run "started_by_nothing_known" {
  command = plan
  variables {
    start = { by = "hand" }
  }
  expect_failures = [var.start]
}

run "a_schedule_without_one" {
  command = plan
  variables {
    start = { by = "schedule" }
  }
  expect_failures = [var.start]
}

run "every_minute" {
  command = plan
  variables {
    start = { by = "schedule", schedule = "cron(* * * * ? *)" }
  }
  expect_failures = [var.start]
}

run "arrivals_nowhere" {
  command = plan
  variables {
    start = { by = "arrival" }
  }
  expect_failures = [var.start]
}

run "nothing_runs_until_somebody_asks" {
  variables {
    start = { by = "demand" }
  }
  assert {
    condition     = aws_glue_trigger.start.type == "ON_DEMAND" && !aws_glue_trigger.start.enabled
    error_message = "the jobs run when they are made"
  }
}

run "too_many_arrivals_at_once" {
  command = plan
  variables {
    start = { by = "demand", batch_size = 1000 }
  }
  expect_failures = [var.start]
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
