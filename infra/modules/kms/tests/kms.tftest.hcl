mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "shop-dev"
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "the_key_rotates_and_can_be_brought_back" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "the key never changes, or is lost soon after a mistake"
  }
  assert {
    condition     = aws_kms_alias.this.name == "alias/shop-dev"
    error_message = "the alias is ${aws_kms_alias.this.name}"
  }
}

run "services_use_it_for_this_account_alone" {
  assert {
    condition     = alltrue([for allow in data.aws_iam_policy_document.this.statement : length(allow.condition) > 0 if allow.sid != "Account"])
    error_message = "a service could use the key for another account"
  }
  assert {
    condition     = [for allow in data.aws_iam_policy_document.this.statement : tolist(one(allow.principals).identifiers) if allow.sid == "Account"] == [tolist(["arn:aws:iam::123456789012:root"])]
    error_message = "another account governs the key"
  }
  assert {
    condition     = alltrue(flatten([for allow in data.aws_iam_policy_document.this.statement : [for action in allow.actions : action != "kms:*"] if allow.sid != "Account"]))
    error_message = "a service may do more than encrypt and decrypt"
  }
}

run "something_that_is_no_service" {
  command = plan
  variables {
    services = ["events"]
  }
  expect_failures = [var.services]
}

run "a_deletion_that_aws_refuses" {
  command = plan
  variables {
    deletion_days = 3
  }
  expect_failures = [var.deletion_days]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}
