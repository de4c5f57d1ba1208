# The lake's buckets: encrypted with one key, over TLS only, private, versioned, with access logs and a lifecycle for each zone.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name

  # https://docs.aws.amazon.com/athena/latest/ug/querying-hudi-in-athena-considerations-and-limitations.html
  readable = {
    raw     = ["STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]
    tables  = ["STANDARD_IA", "INTELLIGENT_TIERING"]
    logs    = ["STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]
    results = []
  }

  buckets = var.one_bucket ? { lake = keys(var.zones) } : { for zone in keys(var.zones) : zone => [zone] }
  zones   = { for zone in keys(var.zones) : zone => { bucket = var.one_bucket ? "lake" : zone, prefix = var.one_bucket ? "${zone}/" : "" } }
  all     = merge(local.buckets, { access = [] })
  arns    = { for bucket in keys(local.all) : bucket => "arn:${data.aws_partition.current.partition}:s3:::${local.names[bucket]}" }
  names   = { for bucket in keys(local.all) : bucket => "${var.name}-${bucket}-${local.account}-${local.region}" }
  logs    = [for zone, settings in var.zones : zone if settings.holds == "logs"]
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:the stack replica copies the buckets of a lake that asks for it
  for_each      = local.all
  bucket        = local.names[each.key]
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
  depends_on              = [aws_s3_bucket_ownership_controls.this]
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

# S3 delivers access logs only to a bucket that is encrypted with S3's own key.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    bucket_key_enabled = each.key != "access"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "access" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "access" ? null : var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = local.buckets
  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["access"].id
  target_prefix = "${each.key}/"
  depends_on    = [aws_s3_bucket_policy.this]
}

# Arrivals in raw start jobs: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
resource "aws_s3_bucket_notification" "raw" {
  for_each    = toset([for zone, settings in var.zones : local.zones[zone].bucket if settings.holds == "raw"])
  bucket      = aws_s3_bucket.this[each.key].id
  eventbridge = true
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each   = local.all
  bucket     = aws_s3_bucket.this[each.key].id
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
    dynamic "expiration" {
      for_each = each.key == "access" ? [365] : []
      content {
        days = expiration.value
      }
    }
  }

  dynamic "rule" {
    for_each = { for zone in each.value : zone => var.zones[zone] if var.zones[zone].expire_days != null || length(var.zones[zone].transitions) > 0 }
    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = local.zones[rule.key].prefix
      }
      dynamic "transition" {
        for_each = rule.value.transitions
        content {
          storage_class = transition.key
          days          = transition.value
        }
      }
      dynamic "expiration" {
        for_each = rule.value.expire_days[*]
        content {
          days = expiration.value
        }
      }
    }
  }
}
