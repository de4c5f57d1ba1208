mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  secrets = {
    "source/shop" = { description = "Login of the replication role", version = 1 }
    "source/crm"  = { description = "Set by its owner" }
  }
  values = { "source/shop" = "a login" }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "secrets_are_encrypted_with_the_lakes_key_and_can_be_brought_back" {
  assert {
    condition     = alltrue([for secret in values(aws_secretsmanager_secret.this) : secret.kms_key_id == var.kms_key_arn && secret.recovery_window_in_days == 30])
    error_message = "a secret is encrypted with another key, or is lost at once"
  }
  assert {
    condition     = aws_secretsmanager_secret.this["source/shop"].name == "shop-dev/source/shop"
    error_message = "the name is ${aws_secretsmanager_secret.this["source/shop"].name}"
  }
}

run "values_do_not_enter_state" {
  assert {
    condition     = keys(aws_secretsmanager_secret_version.this) == ["source/shop"]
    error_message = "a value is written for a secret that somebody else sets"
  }
  assert {
    condition     = aws_secretsmanager_secret_version.this["source/shop"].secret_string_wo == null && aws_secretsmanager_secret_version.this["source/shop"].secret_string_wo_version == 1
    error_message = "state holds the secret"
  }
}

run "a_missing_secret" {
  command = plan
  variables {
    values = {}
  }
  expect_failures = [var.secrets]
}

run "a_name_that_secrets_cannot_have" {
  command = plan
  variables {
    secrets = { "source shop" = { description = "" } }
  }
  expect_failures = [var.secrets]
}

run "a_name_that_looks_like_an_arn" {
  command = plan
  variables {
    secrets = { "source-abc123" = { description = "" } }
  }
  expect_failures = [var.secrets]
}

run "a_recovery_that_aws_does_not_have" {
  command = plan
  variables {
    recovery_days = 3
  }
  expect_failures = [var.recovery_days]
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
