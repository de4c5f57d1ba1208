mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "shop-dev"
  transfers = {
    orders = {
      folder          = "orders/"
      patterns        = ["orders.csv"]
      source_location = { nfs = { server = "files.shop.example", path = "/exports", agent_arns = ["arn:aws:datasync:us-east-1:123456789012:agent/agent-0123456789abcdef0"] } }
    }
    customers = {
      folder          = "customers/"
      source_location = { s3 = { bucket_arn = "arn:aws:s3:::crm", prefix = "out/" } }
    }
  }
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

run "a_task_for_each_transfer" {
  assert {
    condition     = keys(output.tasks) == ["customers", "orders"]
    error_message = "tasks: ${join(", ", keys(output.tasks))}"
  }
}

run "a_folder_below_a_folder" {
  command = plan
  variables {
    transfers = { orders = { folder = "shop/orders/", source_location = { smb_location_arn = "arn:aws:datasync:us-east-1:123456789012:location/loc-1" } } }
  }
  expect_failures = [var.transfers]
}

run "two_transfers_to_one_folder" {
  command = plan
  variables {
    transfers = {
      orders  = { folder = "orders/", source_location = { smb_location_arn = "arn:aws:datasync:us-east-1:123456789012:location/loc-1" } }
      refunds = { folder = "orders/", source_location = { smb_location_arn = "arn:aws:datasync:us-east-1:123456789012:location/loc-2" } }
    }
  }
  expect_failures = [var.transfers]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}
