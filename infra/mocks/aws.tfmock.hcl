# What AWS would answer: every module's tests take it by `source = "../../mocks"`. Values have the form that the provider checks.

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "123456789012"
  }
}

mock_data "aws_partition" {
  defaults = {
    partition = "aws"
  }
}

mock_data "aws_region" {
  defaults = {
    name = "us-east-1"
  }
}

mock_data "aws_iam_policy_document" {
  defaults = {
    json = "{}"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::123456789012:role/mock"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "aws_dms_replication_task" {
  defaults = {
    replication_task_arn = "arn:aws:dms:us-east-1:123456789012:task:MOCKTASK"
  }
}

mock_resource "aws_dms_replication_instance" {
  defaults = {
    replication_instance_arn = "arn:aws:dms:us-east-1:123456789012:rep:MOCKINSTANCE"
  }
}

mock_resource "aws_dms_endpoint" {
  defaults = {
    endpoint_arn = "arn:aws:dms:us-east-1:123456789012:endpoint:MOCKSOURCE"
  }
}

mock_resource "aws_dms_s3_endpoint" {
  defaults = {
    endpoint_arn = "arn:aws:dms:us-east-1:123456789012:endpoint:MOCKTARGET"
  }
}

mock_resource "aws_dms_certificate" {
  defaults = {
    certificate_arn = "arn:aws:dms:us-east-1:123456789012:cert:MOCK"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:mock"
  }
}

mock_resource "aws_datasync_location_nfs" {
  defaults = {
    arn = "arn:aws:datasync:us-east-1:123456789012:location/loc-0000000000000000a"
  }
}

mock_resource "aws_datasync_location_s3" {
  defaults = {
    arn = "arn:aws:datasync:us-east-1:123456789012:location/loc-0000000000000000b"
  }
}

mock_resource "aws_datasync_task" {
  defaults = {
    arn = "arn:aws:datasync:us-east-1:123456789012:task/task-0000000000000000a"
  }
}

mock_resource "aws_sns_topic" {
  defaults = {
    arn = "arn:aws:sns:us-east-1:123456789012:mock"
  }
}

mock_resource "aws_ce_anomaly_monitor" {
  defaults = {
    arn = "arn:aws:ce::123456789012:anomalymonitor/00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "aws_glue_workflow" {
  defaults = {
    arn = "arn:aws:glue:us-east-1:123456789012:workflow/mock"
  }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = {
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mock-AbCdEf"
  }
}
