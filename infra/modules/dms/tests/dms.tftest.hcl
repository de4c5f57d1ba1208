mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name               = "shop-dev"
  source_name        = "shop"
  kms_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  topic_arn          = "arn:aws:sns:us-east-1:123456789012:shop-dev-alarms"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_ids = ["sg-1"]
  instance           = {}
  target             = { bucket = "shop-dev-raw", folder = "dms/shop", role_arn = "arn:aws:iam::123456789012:role/shop-dev-capture" }
  table_mappings = jsonencode({ rules = [
    { rule-type = "selection", rule-id = "1", rule-name = "public.order_lines", rule-action = "include", object-locator = { schema-name = "public", table-name = "order[_]lines" } },
    { rule-type = "transformation", rule-id = "2", rule-name = "position", rule-action = "add-column", rule-target = "column", object-locator = { schema-name = "%", table-name = "%" }, value = "_position", expression = "$AR_H_CHANGE_SEQ", data-type = { type = "string", length = 64 } },
  ] })
  task_settings = jsonencode({
    TargetMetadata   = { SupportLobs = true, FullLobMode = false, LimitedSizeLobMode = true, LobMaxSize = 1024 }
    FullLoadSettings = { TargetTablePrepMode = "DO_NOTHING" }
  })
  database = {
    name            = "shop"
    secret_arn      = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-dev/source-AbCdEf"
    secret_role_arn = "arn:aws:iam::123456789012:role/shop-dev-login"
  }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "the_instance_is_private_encrypted_and_logged" {
  assert {
    condition     = !aws_dms_replication_instance.this[0].publicly_accessible && aws_dms_replication_instance.this[0].kms_key_arn == var.kms_key_arn
    error_message = "the instance has a public address, or another key"
  }
  assert {
    condition     = aws_dms_replication_instance.this[0].replication_instance_class == "dms.t3.medium" && length(aws_dms_replication_config.this) == 0
    error_message = "the instance is another one"
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.name == "dms-tasks-shop-dev" && aws_cloudwatch_log_group.this.retention_in_days == 365 && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "the log is not the one DMS writes to, is kept for ever or is not encrypted"
  }
  assert {
    condition     = output.task.dimensions == tomap({ ReplicationInstanceIdentifier = "shop-dev", ReplicationTaskIdentifier = "MOCKTASK" })
    error_message = "metrics are looked for under ${jsonencode(output.task.dimensions)}"
  }
}

run "the_login_is_in_the_secret_and_the_connection_encrypted" {
  assert {
    condition     = aws_dms_endpoint.source.password == null && aws_dms_endpoint.source.secrets_manager_arn == var.database.secret_arn
    error_message = "the endpoint holds a password"
  }
  assert {
    condition     = aws_dms_endpoint.source.ssl_mode == "require" && aws_dms_endpoint.source.postgres_settings[0].heartbeat_enable
    error_message = "rows travel in the clear, or an idle database fills its disk"
  }
}

run "raw_files_have_what_the_reader_needs" {
  assert {
    condition = alltrue([
      aws_dms_s3_endpoint.target.data_format == "parquet", aws_dms_s3_endpoint.target.include_op_for_full_load,
      aws_dms_s3_endpoint.target.timestamp_column_name == "_commit_time", aws_dms_s3_endpoint.target.date_partition_enabled,
      !aws_dms_s3_endpoint.target.cdc_inserts_only, !aws_dms_s3_endpoint.target.cdc_inserts_and_updates,
    ])
    error_message = "files lack a column or leave deletes out"
  }
  assert {
    condition     = aws_dms_s3_endpoint.target.encryption_mode == "SSE_KMS" && aws_dms_s3_endpoint.target.server_side_encryption_kms_key_id == var.kms_key_arn
    error_message = "files are not encrypted with the lake's key"
  }
  assert {
    condition     = aws_dms_replication_task.this[0].table_mappings == var.table_mappings && aws_dms_replication_task.this[0].replication_task_settings == var.task_settings
    error_message = "the task is another than was rendered"
  }
}

run "failures_reach_the_topic" {
  assert {
    condition     = toset(keys(aws_dms_event_subscription.this)) == toset(["replication-instance", "replication-task"]) && alltrue([for subscription in values(aws_dms_event_subscription.this) : contains(subscription.event_categories, "failure") && subscription.sns_topic_arn == var.topic_arn])
    error_message = "a failure is told to nobody"
  }
}

run "serverless_instead_of_an_instance" {
  variables {
    instance   = null
    serverless = { max_capacity = 4 }
  }
  assert {
    condition     = length(aws_dms_replication_instance.this) + length(aws_dms_replication_task.this) + length(aws_dms_event_subscription.this) == 0
    error_message = "an instance is paid for as well"
  }
  assert {
    condition     = aws_dms_replication_config.this[0].compute_config[0].max_capacity_units == 4 && aws_dms_replication_config.this[0].table_mappings == var.table_mappings
    error_message = "the replication is another one"
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.name == "dms-serverless-replication-shop-dev-shop"
    error_message = "the log is not the one DMS writes to"
  }
}

run "a_verified_connection" {
  variables {
    database = {
      name               = "shop"
      secret_arn         = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-dev/source-AbCdEf"
      secret_role_arn    = "arn:aws:iam::123456789012:role/shop-dev-login"
      ssl_mode           = "verify-full"
      ca_certificate_pem = "-----BEGIN CERTIFICATE-----"
    }
  }
  assert {
    condition     = aws_dms_endpoint.source.certificate_arn == aws_dms_certificate.this[0].certificate_arn
    error_message = "the endpoint does not know the authority"
  }
}

run "a_source_that_dms_cannot_name" {
  command = plan
  variables {
    source_name = "Shop--DB"
  }
  expect_failures = [var.source_name]
}

run "an_instance_and_serverless" {
  command = plan
  variables {
    serverless = { max_capacity = 4 }
  }
  expect_failures = [var.instance]
}

run "a_class_that_dms_does_not_have" {
  command = plan
  variables {
    instance = { class = "db.t3.medium" }
  }
  expect_failures = [var.instance]
}

run "a_version_that_has_expired" {
  command = plan
  variables {
    instance = { engine_version = "3.5.4" }
  }
  expect_failures = [var.instance]
}

run "a_capacity_that_dms_does_not_have" {
  command = plan
  variables {
    instance   = null
    serverless = { max_capacity = 3 }
  }
  expect_failures = [var.serverless]
}

run "one_subnet" {
  command = plan
  variables {
    subnet_ids = ["subnet-1"]
  }
  expect_failures = [var.subnet_ids]
}

run "a_connection_in_the_clear" {
  command = plan
  variables {
    database = {
      name            = "shop"
      secret_arn      = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-dev/source-AbCdEf"
      secret_role_arn = "arn:aws:iam::123456789012:role/shop-dev-login"
      ssl_mode        = "none"
    }
  }
  expect_failures = [var.database]
}

run "a_verified_connection_without_authority" {
  command = plan
  variables {
    database = {
      name            = "shop"
      secret_arn      = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-dev/source-AbCdEf"
      secret_role_arn = "arn:aws:iam::123456789012:role/shop-dev-login"
      ssl_mode        = "verify-full"
    }
  }
  expect_failures = [var.database]
}

run "no_tables" {
  command = plan
  variables {
    table_mappings = jsonencode({ rules = [] })
  }
  expect_failures = [var.table_mappings]
}

run "an_underscore_that_catches_other_tables_too" {
  command = plan
  variables {
    table_mappings = replace(var.table_mappings, "order[_]lines", "order_lines")
  }
  expect_failures = [var.table_mappings]
}

run "rows_without_a_position" {
  command = plan
  variables {
    table_mappings = replace(var.table_mappings, "_position", "_order")
  }
  expect_failures = [var.table_mappings]
}

run "long_values_in_no_mode" {
  command = plan
  variables {
    task_settings = jsonencode({ TargetMetadata = { SupportLobs = true } })
  }
  expect_failures = [var.task_settings]
}

run "a_load_that_deletes_raw" {
  command = plan
  variables {
    task_settings = replace(var.task_settings, "DO_NOTHING", "DROP_AND_CREATE")
  }
  expect_failures = [var.task_settings]
}

run "a_folder_with_a_slash" {
  command = plan
  variables {
    target = { bucket = "raw", folder = "/dms/shop", role_arn = "arn:aws:iam::123456789012:role/r" }
  }
  expect_failures = [var.target]
}

run "a_folder_that_nothing_reads" {
  command = plan
  variables {
    target = { bucket = "raw", folder = "database/shop", role_arn = "arn:aws:iam::123456789012:role/r" }
  }
  expect_failures = [var.target]
}

run "a_flush_after_the_merge_has_gone_on" {
  command = plan
  variables {
    flush_seconds = 150
  }
  expect_failures = [var.flush_seconds]
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
