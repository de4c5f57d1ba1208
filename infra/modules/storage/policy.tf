# TLS 1.2 or later only, in every bucket; the services that deliver logs write to the zone of the logs and nowhere else.

data "aws_iam_policy_document" "bucket" {
  for_each = local.all

  dynamic "statement" {
    for_each = { Bool = ["aws:SecureTransport", "false"], NumericLessThan = ["s3:TlsVersion", "1.2"] }
    content {
      sid       = statement.key == "Bool" ? "DenyPlainHttp" : "DenyOldTls"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [local.arns[each.key], "${local.arns[each.key]}/*"]

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
      condition {
        test     = statement.key
        variable = statement.value[0]
        values   = [statement.value[1]]
      }
    }
  }

  dynamic "statement" {
    for_each = lookup(local.deliveries, each.key, {})
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = [statement.value.resource]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}

locals {
  deliveries = merge(
    { access = {
      AccessLogs = { service = "logging.s3.amazonaws.com", actions = ["s3:PutObject"], resource = "${local.arns["access"]}/*" }
    } },
    { for place in [for zone in local.logs : local.zones[zone]] : place.bucket => {
      TrailLooks   = { service = "cloudtrail.amazonaws.com", actions = ["s3:GetBucketAcl"], resource = local.arns[place.bucket] }
      TrailWrites  = { service = "cloudtrail.amazonaws.com", actions = ["s3:PutObject"], resource = "${local.arns[place.bucket]}/${place.prefix}cloudtrail/AWSLogs/${local.account}/*" }
      FlowLogLooks = { service = "delivery.logs.amazonaws.com", actions = ["s3:GetBucketAcl", "s3:ListBucket"], resource = local.arns[place.bucket] }
      FlowLogs     = { service = "delivery.logs.amazonaws.com", actions = ["s3:PutObject"], resource = "${local.arns[place.bucket]}/${place.prefix}network/AWSLogs/${local.account}/*" }
    } },
  )
}

resource "aws_s3_bucket_policy" "this" {
  for_each   = aws_s3_bucket.this
  bucket     = each.value.id
  policy     = data.aws_iam_policy_document.bucket[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}
