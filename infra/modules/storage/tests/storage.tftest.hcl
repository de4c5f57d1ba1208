mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  zones = {
    raw     = { holds = "raw", transitions = { INTELLIGENT_TIERING = 30 } }
    curated = { holds = "tables" }
    logs    = { holds = "logs", transitions = { GLACIER = 90 }, expire_days = 365 }
  }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "a_bucket_for_each_zone_and_one_for_the_access_logs" {
  assert {
    condition     = toset(keys(aws_s3_bucket.this)) == toset(["access", "curated", "logs", "raw"])
    error_message = "buckets: ${join(", ", keys(aws_s3_bucket.this))}"
  }
  assert {
    condition     = aws_s3_bucket.this["raw"].bucket == "shop-dev-raw-123456789012-us-east-1"
    error_message = "a bucket's name must say lake, zone, account and region"
  }
  assert {
    condition     = output.zones.raw.uri == "s3://shop-dev-raw-123456789012-us-east-1/" && output.zones.raw.objects_arn == "arn:aws:s3:::shop-dev-raw-123456789012-us-east-1/*"
    error_message = "raw is at ${output.zones.raw.uri}, its objects ${output.zones.raw.objects_arn}"
  }
  assert {
    condition     = !anytrue([for bucket in values(aws_s3_bucket.this) : bucket.force_destroy])
    error_message = "buckets with objects must outlive a destroy"
  }
}

run "everything_is_encrypted_private_and_versioned" {
  assert {
    condition = alltrue([
      for bucket, settings in aws_s3_bucket_server_side_encryption_configuration.this :
      one(settings.rule).apply_server_side_encryption_by_default[0].sse_algorithm == (bucket == "access" ? "AES256" : "aws:kms")
    ]) && length(aws_s3_bucket_server_side_encryption_configuration.this) == 4
    error_message = "a bucket is not encrypted with the lake's key"
  }
  assert {
    condition = alltrue([
      for block in values(aws_s3_bucket_public_access_block.this) :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == 4
    error_message = "a bucket can be made public"
  }
  assert {
    condition     = alltrue([for versioning in values(aws_s3_bucket_versioning.this) : versioning.versioning_configuration[0].status == "Enabled"])
    error_message = "a bucket is not versioned"
  }
  assert {
    condition     = alltrue([for rules in values(aws_s3_bucket_ownership_controls.this) : rules.rule[0].object_ownership == "BucketOwnerEnforced"])
    error_message = "an object could belong to another account"
  }
  assert {
    condition     = toset(keys(aws_s3_bucket_logging.this)) == toset(["curated", "logs", "raw"])
    error_message = "a zone has no access logs, or the bucket of the access logs logs itself"
  }
}

run "only_tls_and_only_the_logs_zone_takes_deliveries" {
  assert {
    condition = alltrue([
      for policy in values(data.aws_iam_policy_document.bucket) :
      toset([for deny in policy.statement : deny.sid if deny.effect == "Deny"]) == toset(["DenyPlainHttp", "DenyOldTls"])
    ])
    error_message = "a bucket answers without TLS 1.2"
  }
  assert {
    condition     = length([for allow in data.aws_iam_policy_document.bucket["raw"].statement : allow if allow.effect != "Deny"]) == 0
    error_message = "a service may write to raw by the bucket's policy"
  }
  assert {
    condition = alltrue([
      for allow in data.aws_iam_policy_document.bucket["logs"].statement :
      one(allow.condition).variable == "aws:SourceAccount" if allow.effect != "Deny"
    ])
    error_message = "a delivery is not tied to this account"
  }
}

run "without_a_zone_of_logs_nobody_delivers" {
  command = plan
  variables {
    zones = { raw = { holds = "raw" }, curated = { holds = "tables" } }
  }
  assert {
    condition     = [for bucket, policy in data.aws_iam_policy_document.bucket : bucket if anytrue([for allow in policy.statement : allow.effect != "Deny"])] == ["access"]
    error_message = "a service may write to a zone"
  }
}

run "arrivals_in_raw_are_events" {
  assert {
    condition     = keys(aws_s3_bucket_notification.raw) == ["raw"] && aws_s3_bucket_notification.raw["raw"].eventbridge
    error_message = "EventBridge does not hear of raw alone"
  }
}

run "the_lifecycle_never_touches_tables" {
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this["curated"].rule : rule.id] == ["leftovers"]
    error_message = "a rule moves or expires the objects of tables"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["logs"].rule[1].expiration[0].days == 365
    error_message = "logs do not expire after a year"
  }
  assert {
    condition = alltrue([
      for rules in values(aws_s3_bucket_lifecycle_configuration.this) : rules.rule[0].noncurrent_version_expiration[0].noncurrent_days == 30
    ])
    error_message = "former versions are kept for ever"
  }
}

run "one_bucket_has_the_zones_as_prefixes" {
  variables {
    one_bucket = true
  }
  assert {
    condition     = toset(keys(aws_s3_bucket.this)) == toset(["access", "lake"])
    error_message = "buckets: ${join(", ", keys(aws_s3_bucket.this))}"
  }
  assert {
    condition     = output.zones.logs.prefix == "logs/" && endswith(output.zones.curated.uri, "/curated/") && endswith(output.zones.raw.objects_arn, "/raw/*")
    error_message = "zones do not have their prefixes"
  }
  assert {
    condition     = [for rule in slice(aws_s3_bucket_lifecycle_configuration.this["lake"].rule, 1, 3) : rule.filter[0].prefix] == ["logs/", "raw/"]
    error_message = "a zone's rule is not limited to its prefix"
  }
}

run "a_name_that_buckets_cannot_have" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}

run "a_name_too_long_for_buckets" {
  command = plan
  variables {
    name = "a-name-of-more-than-twenty"
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

run "glacier_on_a_prefix_of_tables" {
  command = plan
  variables {
    zones = { curated = { holds = "tables", transitions = { GLACIER = 90 } }, logs = { holds = "logs" } }
  }
  expect_failures = [var.zones]
}

run "glacier_on_raw_that_a_reload_reads" {
  command = plan
  variables {
    zones = { raw = { holds = "raw", transitions = { DEEP_ARCHIVE = 180 } }, logs = { holds = "logs" } }
  }
  expect_failures = [var.zones]
}

run "tables_that_expire" {
  command = plan
  variables {
    zones = { curated = { holds = "tables", expire_days = 90 }, logs = { holds = "logs" } }
  }
  expect_failures = [var.zones]
}

run "a_transition_before_s3_allows_it" {
  command = plan
  variables {
    zones = { logs = { holds = "logs", transitions = { STANDARD_IA = 7 } } }
  }
  expect_failures = [var.zones]
}

run "a_transition_after_the_end" {
  command = plan
  variables {
    zones = { logs = { holds = "logs", transitions = { GLACIER = 90 }, expire_days = 90 } }
  }
  expect_failures = [var.zones]
}

run "a_zone_of_an_unknown_kind" {
  command = plan
  variables {
    zones = { bronze = { holds = "bronze" }, logs = { holds = "logs" } }
  }
  expect_failures = [var.zones]
}

run "two_zones_of_logs" {
  command = plan
  variables {
    zones = { logs = { holds = "logs" }, trail = { holds = "logs" } }
  }
  expect_failures = [var.zones]
}

run "a_zone_with_the_name_of_the_access_logs" {
  command = plan
  variables {
    zones = { access = { holds = "tables" }, logs = { holds = "logs" } }
  }
  expect_failures = [var.zones]
}

run "former_versions_that_go_at_once" {
  command = plan
  variables {
    noncurrent_days = 0
  }
  expect_failures = [var.noncurrent_days]
}
