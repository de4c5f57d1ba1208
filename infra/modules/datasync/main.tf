# File transfer by DataSync: a share or another bucket in, the raw zone out, each file compared by checksum.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  source_arn = coalesce(
    one(aws_datasync_location_nfs.source[*].arn),
    one(aws_datasync_location_s3.source[*].arn),
    var.source_location.smb_location_arn,
  )
}

# The agent is activated by hand, in the network of the share: its ARN comes in, the machine does not.
resource "aws_datasync_location_nfs" "source" {
  count           = var.source_location.nfs != null ? 1 : 0
  server_hostname = var.source_location.nfs.server
  subdirectory    = var.source_location.nfs.path

  on_prem_config {
    agent_arns = var.source_location.nfs.agent_arns
  }
}

resource "aws_datasync_location_s3" "source" {
  count         = var.source_location.s3 != null ? 1 : 0
  s3_bucket_arn = var.source_location.s3.bucket_arn
  subdirectory  = "/${var.source_location.s3.prefix}"

  s3_config {
    bucket_access_role_arn = var.target.role_arn
  }
}

resource "aws_datasync_location_s3" "target" {
  s3_bucket_arn    = var.target.bucket_arn
  subdirectory     = "/${var.target.prefix}"
  s3_storage_class = "STANDARD"

  s3_config {
    bucket_access_role_arn = var.target.role_arn
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/datasync/${var.name}-${var.task_name}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

data "aws_iam_policy_document" "log" {
  statement {
    sid       = "DataSyncWrites"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["datasync.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:datasync:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:task/*"]
    }
  }
}

# https://docs.aws.amazon.com/datasync/latest/userguide/configure-logging.html
resource "aws_cloudwatch_log_resource_policy" "this" {
  policy_name     = "${var.name}-${var.task_name}-datasync"
  policy_document = data.aws_iam_policy_document.log.json
}

resource "aws_datasync_task" "this" {
  name                     = "${var.name}-${var.task_name}"
  source_location_arn      = local.source_arn
  destination_location_arn = aws_datasync_location_s3.target.arn
  cloudwatch_log_group_arn = aws_cloudwatch_log_group.this.arn
  depends_on               = [aws_cloudwatch_log_resource_policy.this]

  dynamic "includes" {
    for_each = length(var.patterns) > 0 ? [join("|", [for pattern in var.patterns : "/${trimprefix(pattern, "/")}"])] : []
    content {
      filter_type = "SIMPLE_PATTERN"
      value       = includes.value
    }
  }
  dynamic "schedule" {
    for_each = var.schedule[*]
    content {
      schedule_expression = schedule.value
    }
  }

  # A file that changed is another version of its object; its time goes along, by which files that come together are in order.
  options {
    verify_mode            = "ONLY_FILES_TRANSFERRED"
    transfer_mode          = "CHANGED"
    overwrite_mode         = "ALWAYS"
    preserve_deleted_files = var.keep_deleted ? "PRESERVE" : "REMOVE"
    mtime                  = "PRESERVE"
    atime                  = "BEST_EFFORT"
    log_level              = "TRANSFER"
    bytes_per_second       = var.bytes_per_second
    posix_permissions      = "NONE"
    uid                    = "NONE"
    gid                    = "NONE"
  }

  task_report_config {
    output_type          = "STANDARD"
    report_level         = "SUCCESSES_AND_ERRORS"
    s3_object_versioning = "NONE"

    # The provider reads one where there is none, so that each plan would change the task:
    # https://github.com/hashicorp/terraform-provider-aws/issues/36016
    report_overrides {}

    s3_destination {
      bucket_access_role_arn = var.report.role_arn
      s3_bucket_arn          = var.report.bucket_arn
      subdirectory           = "/${var.report.prefix}"
    }
  }
}
