mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  source_name = "shop"
  database    = { name = "shop" }
  login       = { username = "replication", password = "secret", host = "db.shop.example", port = 5432 }
  instance    = {}
  table_mappings = jsonencode({ rules = [
    { rule-type = "selection", rule-id = "1", rule-name = "public.order_lines", rule-action = "include", object-locator = { schema-name = "public", table-name = "order[_]lines" } },
    { rule-type = "transformation", rule-id = "2", rule-name = "position", rule-action = "add-column", rule-target = "column", object-locator = { schema-name = "%", table-name = "%" }, value = "_position", expression = "$AR_H_CHANGE_SEQ", data-type = { type = "string", length = 64 } },
  ] })
  task_settings = jsonencode({
    TargetMetadata   = { SupportLobs = true, FullLobMode = false, LimitedSizeLobMode = true, LobMaxSize = 1024 }
    FullLoadSettings = { TargetTablePrepMode = "DO_NOTHING" }
  })
  lake = {
    kms_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    topic_arn          = "arn:aws:sns:us-east-1:123456789012:shop-dev-alarms"
    raw                = { bucket = "shop-dev-raw", bucket_arn = "arn:aws:s3:::shop-dev-raw", prefix = "" }
    logs               = { bucket_arn = "arn:aws:s3:::shop-dev-logs", prefix = "" }
    subnet_ids         = ["subnet-1", "subnet-2"]
    security_group_ids = { dms = "sg-1", glue = "sg-2" }
    disposable         = false
  }
}

run "a_task_that_the_lake_can_watch" {
  assert {
    condition     = output.task.dimensions == tomap({ ReplicationInstanceIdentifier = "shop-dev", ReplicationTaskIdentifier = "MOCKTASK" })
    error_message = "the task is another one: ${jsonencode(output.task)}"
  }
  assert {
    condition     = startswith(output.secret_arn, "arn:aws:secretsmanager:")
    error_message = "the login is nowhere"
  }
}

run "a_login_without_a_password" {
  command = plan
  variables {
    login = { username = "replication", password = "", host = "db.shop.example", port = 5432 }
  }
  expect_failures = [var.login]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}
