mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "shop-prod"
  replicas = {
    curated = {
      source = { bucket_arn = "arn:aws:s3:::curated", kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/here" }
      target = { bucket_arn = "arn:aws:s3:::replica", kms_key_arn = "arn:aws:kms:us-west-2:123456789012:key/there" }
    }
  }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "everything_is_copied_and_encrypted_with_the_other_regions_key" {
  assert {
    condition     = aws_s3_bucket_replication_configuration.this["curated"].bucket == "curated"
    error_message = "the bucket is ${aws_s3_bucket_replication_configuration.this["curated"].bucket}"
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_replication_configuration.this["curated"].rule :
      one(one(rule.destination).encryption_configuration).replica_kms_key_id == "arn:aws:kms:us-west-2:123456789012:key/there" &&
      one(one(rule.source_selection_criteria).sse_kms_encrypted_objects).status == "Enabled" && one(rule.delete_marker_replication).status == "Enabled"
    ])
    error_message = "encrypted objects or deletions are not copied, or with another key"
  }
}

run "the_role_reads_here_and_writes_there" {
  assert {
    condition = { for allow in data.aws_iam_policy_document.this.statement : allow.sid => tolist(allow.resources) } == {
      ReadBucket    = tolist(["arn:aws:s3:::curated"])
      ReadVersions  = tolist(["arn:aws:s3:::curated/*"])
      WriteReplicas = tolist(["arn:aws:s3:::replica/*"])
      Decrypt       = tolist(["arn:aws:kms:us-east-1:123456789012:key/here"])
      Encrypt       = tolist(["arn:aws:kms:us-west-2:123456789012:key/there"])
    }
    error_message = "the role does something else"
  }
  assert {
    condition     = one(data.aws_iam_policy_document.trust.statement[0].condition).variable == "aws:SourceAccount"
    error_message = "another account's bucket could use the role"
  }
}

run "nothing_to_copy" {
  command = plan
  variables {
    replicas = {}
  }
  expect_failures = [var.replicas]
}

run "a_bucket_into_itself" {
  command = plan
  variables {
    replicas = {
      curated = {
        source = { bucket_arn = "arn:aws:s3:::curated", kms_key_arn = "key" }
        target = { bucket_arn = "arn:aws:s3:::curated", kms_key_arn = "key" }
      }
    }
  }
  expect_failures = [var.replicas]
}

run "a_bucket_twice" {
  command = plan
  variables {
    replicas = {
      first  = { source = { bucket_arn = "arn:aws:s3:::curated", kms_key_arn = "key" }, target = { bucket_arn = "arn:aws:s3:::one", kms_key_arn = "key" } }
      second = { source = { bucket_arn = "arn:aws:s3:::curated", kms_key_arn = "key" }, target = { bucket_arn = "arn:aws:s3:::two", kms_key_arn = "key" } }
    }
  }
  expect_failures = [var.replicas]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}
