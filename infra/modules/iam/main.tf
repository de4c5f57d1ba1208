# One role for each service that touches the lake: what it reads, writes and opens is named, everything else is refused.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  here      = "${local.region}:${local.account}"

  # DMS reads secrets as the principal of its region.
  # https://docs.aws.amazon.com/dms/latest/userguide/security_iam_secretsmanager.html
  principals = merge(
    { for service in ["datasync", "dms", "events", "glue", "scheduler"] : service => "${service}.amazonaws.com" },
    { dms-secrets = "dms.${local.region}.amazonaws.com" },
  )

  # What the role does beyond its zones. Wildcards end at the lake's prefix or carry a condition.
  glue = "arn:${local.partition}:glue:${local.here}"
  logs = "arn:${local.partition}:logs:${local.here}:log-group:/aws-glue/*"
  extras = {
    athena      = [{ sid = "Query", actions = local.queries, resources = ["arn:${local.partition}:athena:${local.here}:workgroup/${var.name}-*"] }]
    datasync    = []
    dms         = []
    dms-secrets = []
    events      = [{ sid = "StartWorkflows", actions = ["glue:notifyEvent"], resources = ["${local.glue}:workflow/${var.name}-*"] }]
    scheduler = [
      { sid = "StartStatistics", actions = ["glue:StartColumnStatisticsTaskRun"], resources = ["${local.glue}:catalog", "${local.glue}:database/${local.databases}", "${local.glue}:table/${local.databases}/*"] },
      { sid = "PassToGlue", actions = ["iam:PassRole"], resources = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-*"], only = ["StringEquals", "iam:PassedToService", "glue.amazonaws.com"] },
    ]
    glue = [
      { sid = "WriteLogs", actions = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], resources = [local.logs, "${local.logs}:log-stream:*"] },
      { sid = "RunQuality", actions = ["glue:GetDataQualityRuleset", "glue:GetDataQualityRulesetEvaluationRun", "glue:PublishDataQuality", "glue:GetJob", "glue:GetJobRun", "glue:GetWorkflowRun*", "glue:PutWorkflowRunProperties"],
      resources = ["${local.glue}:dataQualityRuleset/${var.name}-*", "${local.glue}:job/${var.name}-*", "${local.glue}:workflow/${var.name}-*"] },
      # The program that evaluates rules is AWS's, in a bucket of AWS's.
      { sid = "LoadQuality", actions = ["s3:GetObject"], resources = ["arn:${local.partition}:s3:::aws-glue-ml-data-quality-assets-${local.region}/*"] },
    ]
  }

  # What Glue does to run a job in a VPC: https://docs.aws.amazon.com/glue/latest/dg/create-service-policy.html
  ec2        = "arn:${local.partition}:ec2:${local.here}"
  interfaces = "${local.ec2}:network-interface/*"
  joins = { for name, role in var.roles : name => flatten([for network in role.network[*] : [
    # A look takes no resource.
    { sid = "LookAtNetwork", actions = [for what in ["NetworkInterfaces", "RouteTables", "SecurityGroups", "Subnets", "VpcAttribute", "VpcEndpoints"] : "ec2:Describe${what}"], resources = ["*"] },
    { sid = "JoinNetwork", actions = ["ec2:CreateNetworkInterface"], resources = concat([local.interfaces, "${local.ec2}:subnet/${network.subnet_id}"], [for group in network.security_group_ids : "${local.ec2}:security-group/${group}"]) },
    { sid = "LeaveNetwork", actions = ["ec2:DeleteNetworkInterface"], resources = [local.interfaces], only = ["ArnEquals", "ec2:Subnet", "${local.ec2}:subnet/${network.subnet_id}"] },
    { sid = "MarkNetwork", actions = ["ec2:CreateTags", "ec2:DeleteTags"], resources = [local.interfaces], only = ["ForAllValues:StringEquals", "aws:TagKeys", "aws-glue-service-resource"] },
    { sid = "Connect", actions = ["glue:GetConnection"], resources = ["${local.glue}:catalog", "${local.glue}:connection/${var.name}"] },
  ]]) }

  databases = "${replace(var.name, "-", "_")}_*"
  reads     = ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion"]
  writes    = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject", "s3:PutObjectTagging"]
  looks     = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition", "glue:GetTable", "glue:GetTables", "glue:GetTableVersions"]
  queries = ["athena:BatchGetNamedQuery", "athena:BatchGetQueryExecution", "athena:GetNamedQuery", "athena:GetQueryExecution", "athena:GetQueryResults",
  "athena:GetWorkGroup", "athena:ListNamedQueries", "athena:ListQueryExecutions", "athena:StartQueryExecution", "athena:StopQueryExecution"]
  changes = ["glue:BatchCreatePartition", "glue:BatchDeletePartition", "glue:BatchUpdatePartition", "glue:CreatePartition", "glue:CreateTable", "glue:DeletePartition",
  "glue:UpdatePartition", "glue:UpdateTable", "glue:UpdateColumnStatisticsForTable", "glue:UpdateColumnStatisticsForPartition"]
}

data "aws_iam_policy_document" "trust" {
  for_each = var.roles

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = each.value.service == "athena" ? "AWS" : "Service"
      identifiers = each.value.service == "athena" ? each.value.trusted_arns : [local.principals[each.value.service]]
    }
    # People come by name. Glue names no source when it takes a role; only this account can pass the role to it.
    dynamic "condition" {
      for_each = contains(["athena", "glue"], each.value.service) ? [] : [local.account]
      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

data "aws_iam_policy_document" "this" {
  for_each = var.roles

  dynamic "statement" {
    for_each = { for folder in concat(each.value.reads, each.value.writes) : "${folder.bucket_arn}/${folder.prefix}" => folder... }
    content {
      sid       = "List${index(sort(distinct([for folder in concat(each.value.reads, each.value.writes) : "${folder.bucket_arn}/${folder.prefix}"])), statement.key)}"
      actions   = ["s3:ListBucket"]
      resources = [statement.value[0].bucket_arn]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = distinct([trimsuffix(statement.value[0].prefix, "/"), "${statement.value[0].prefix}*"])
      }
    }
  }
  dynamic "statement" {
    for_each = length(concat(each.value.reads, each.value.writes)) > 0 ? ["Locate"] : []
    content {
      sid       = statement.value
      actions   = ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
      resources = distinct([for folder in concat(each.value.reads, each.value.writes) : folder.bucket_arn])
    }
  }
  dynamic "statement" {
    for_each = length(concat(each.value.reads, each.value.writes)) > 0 ? ["Read"] : []
    content {
      sid       = statement.value
      actions   = local.reads
      resources = distinct([for folder in concat(each.value.reads, each.value.writes) : "${folder.bucket_arn}/${folder.prefix}*"])
    }
  }
  dynamic "statement" {
    for_each = length(each.value.writes) > 0 ? ["Write"] : []
    content {
      sid       = statement.value
      actions   = local.writes
      resources = [for folder in each.value.writes : "${folder.bucket_arn}/${folder.prefix}*"]
    }
  }
  dynamic "statement" {
    for_each = length(each.value.secret_arns) > 0 ? ["Open"] : []
    content {
      sid       = statement.value
      actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      resources = each.value.secret_arns
    }
  }
  dynamic "statement" {
    for_each = each.value.service == "scheduler" || length(concat(each.value.reads, each.value.writes, each.value.secret_arns)) > 0 ? ["Decrypt"] : []
    content {
      sid       = statement.value
      actions   = length(each.value.writes) > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      resources = [var.kms_key_arn]
    }
  }
  dynamic "statement" {
    for_each = length(each.value.databases) > 0 ? ["Catalog"] : []
    content {
      sid       = statement.value
      actions   = each.value.service == "athena" ? local.looks : concat(local.looks, local.changes)
      resources = concat(["${local.glue}:catalog"], flatten([for database in each.value.databases : ["${local.glue}:database/${database}", "${local.glue}:table/${database}/*"]]))
    }
  }
  # PutMetricData takes no resource, a namespace is the only limit there is.
  dynamic "statement" {
    for_each = each.value.service == "glue" ? ["Measure"] : []
    content {
      sid       = statement.value
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"]

      condition {
        test     = "StringEquals"
        variable = "cloudwatch:namespace"
        values   = ["Glue", "Glue Data Quality", "Lakewright"]
      }
    }
  }
  dynamic "statement" {
    for_each = concat(local.extras[each.value.service], local.joins[each.key])
    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = try([statement.value.only], [])
        content {
          test     = condition.value[0]
          variable = condition.value[1]
          values   = [condition.value[2]]
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each             = var.roles
  name                 = "${var.name}-${each.key}"
  description          = each.value.description
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "this" {
  for_each = var.roles
  name     = "what-it-does"
  role     = aws_iam_role.this[each.key].id
  policy   = data.aws_iam_policy_document.this[each.key].json
}
