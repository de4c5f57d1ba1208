mock_provider "aws" {
  source = "../mocks"
}

run "a_bucket_that_keeps_every_state" {
  assert {
    condition     = aws_s3_bucket.state.bucket == "lakewright-state-123456789012-us-east-1" && !aws_s3_bucket.state.force_destroy
    error_message = "the bucket has another name, or goes with its states"
  }
  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled" && aws_s3_bucket_public_access_block.state.restrict_public_buckets && aws_s3_bucket_public_access_block.state.block_public_policy
    error_message = "a state can be lost or seen"
  }
}

run "the_roles_that_dms_looks_for" {
  assert {
    condition     = { for role, attachment in aws_iam_role_policy_attachment.dms : role => attachment.policy_arn } == { dms-vpc-role = "arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole", dms-cloudwatch-logs-role = "arn:aws:iam::aws:policy/service-role/AmazonDMSCloudWatchLogsRole" }
    error_message = "DMS would not find its roles"
  }
}

run "an_account_that_has_them" {
  variables {
    dms_roles = false
  }
  assert {
    condition     = length(aws_iam_role.dms) == 0
    error_message = "a role is made twice"
  }
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Lake_Wright"
  }
  expect_failures = [var.name]
}
