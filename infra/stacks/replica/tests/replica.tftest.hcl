mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../mocks"

  override_data {
    target = data.aws_region.there
    values = { name = "us-west-2" }
  }
  override_data {
    target = module.storage.data.aws_region.current
    values = { name = "us-west-2" }
  }
  override_resource {
    target = module.kms.aws_kms_key.this
    values = { arn = "arn:aws:kms:us-west-2:123456789012:key/22222222-2222-2222-2222-222222222222" }
  }
}

variables {
  name = "shop-prod"
  lake = {
    region      = "us-east-1"
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    one_bucket  = false
    disposable  = false
    zones = {
      raw     = { holds = "raw", bucket_arn = "arn:aws:s3:::shop-prod-raw-here", transitions = { GLACIER_IR = 90 } }
      curated = { holds = "tables", bucket_arn = "arn:aws:s3:::shop-prod-curated-here", transitions = {} }
      logs    = { holds = "logs", bucket_arn = "arn:aws:s3:::shop-prod-logs-here", transitions = {}, expire_days = 400 }
      results = { holds = "results", bucket_arn = "arn:aws:s3:::shop-prod-results-here", transitions = {}, expire_days = 30 }
    }
  }
}

run "raw_and_tables_are_copied_to_the_other_region" {
  assert {
    condition = output.zones == {
      curated = "s3://shop-prod-curated-123456789012-us-west-2/"
      raw     = "s3://shop-prod-raw-123456789012-us-west-2/"
    }
    error_message = "copies: ${jsonencode(output.zones)}"
  }
  assert {
    condition     = module.replication.replicas == { curated = "shop-prod-curated-123456789012-us-west-2", raw = "shop-prod-raw-123456789012-us-west-2" }
    error_message = "buckets are copied elsewhere"
  }
}

run "one_bucket_is_copied_whole" {
  variables {
    lake = {
      region      = "us-east-1"
      kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
      one_bucket  = true
      disposable  = true
      zones = {
        raw     = { holds = "raw", bucket_arn = "arn:aws:s3:::shop-prod-lake-here", transitions = {} }
        curated = { holds = "tables", bucket_arn = "arn:aws:s3:::shop-prod-lake-here", transitions = {} }
        logs    = { holds = "logs", bucket_arn = "arn:aws:s3:::shop-prod-lake-here", transitions = {} }
      }
    }
  }
  assert {
    condition     = output.zones.curated == "s3://shop-prod-lake-123456789012-us-west-2/curated/" && length(output.zones) == 3
    error_message = "copies: ${jsonencode(output.zones)}"
  }
  assert {
    condition     = module.replication.replicas == { lake = "shop-prod-lake-123456789012-us-west-2" }
    error_message = "the bucket is copied more than once, or elsewhere"
  }
}

run "a_copy_in_the_lakes_own_region" {
  command = plan
  override_data {
    target = data.aws_region.there
    values = { name = "us-east-1" }
  }
  expect_failures = [var.lake]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Prod"
  }
  expect_failures = [var.name]
}
