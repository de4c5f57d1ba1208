mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  roles = {
    capture = { service = "dms", description = "", writes = [{ bucket_arn = "arn:aws:s3:::raw", prefix = "database/" }] }
    login   = { service = "dms-secrets", description = "", secret_arns = ["arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-dev/source-AbCdEf"] }
    merge = {
      service     = "glue"
      description = ""
      reads       = [{ bucket_arn = "arn:aws:s3:::raw", prefix = "database/" }]
      writes      = [{ bucket_arn = "arn:aws:s3:::curated", prefix = "" }]
      databases   = ["shop_dev_curated"]
    }
    arrivals   = { service = "events", description = "" }
    statistics = { service = "scheduler", description = "" }
    analyst    = { service = "athena", description = "", trusted_arns = ["arn:aws:iam::123456789012:role/people"], writes = [{ bucket_arn = "arn:aws:s3:::results", prefix = "" }], databases = ["shop_dev_curated"] }
    files      = { service = "datasync", description = "", writes = [{ bucket_arn = "arn:aws:s3:::raw", prefix = "datasync/" }] }
  }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "each_role_is_its_services_and_this_accounts" {
  assert {
    condition     = aws_iam_role.this["capture"].name == "shop-dev-capture" && length(aws_iam_role.this) == 7
    error_message = "a role is missing or has another name"
  }
  assert {
    condition = { for role, trust in data.aws_iam_policy_document.trust : role => one(one(trust.statement[0].principals).identifiers) } == {
      analyst    = "arn:aws:iam::123456789012:role/people"
      arrivals   = "events.amazonaws.com"
      capture    = "dms.amazonaws.com"
      files      = "datasync.amazonaws.com"
      login      = "dms.us-east-1.amazonaws.com"
      merge      = "glue.amazonaws.com"
      statistics = "scheduler.amazonaws.com"
    }
    error_message = "a role trusts another service"
  }
  assert {
    condition = alltrue([
      for role, trust in data.aws_iam_policy_document.trust :
      one(trust.statement[0].condition).variable == "aws:SourceAccount" && tolist(one(trust.statement[0].condition).values) == tolist(["123456789012"]) if !contains(["analyst", "merge"], role)
    ])
    error_message = "another account could use a role through its service"
  }
}

run "a_role_has_its_folders_and_no_other" {
  assert {
    condition     = { for allow in data.aws_iam_policy_document.this["capture"].statement : allow.sid => tolist(allow.resources) if contains(["Read", "Write"], allow.sid) } == { Read = tolist(["arn:aws:s3:::raw/database/*"]), Write = tolist(["arn:aws:s3:::raw/database/*"]) }
    error_message = "DMS has more or less than raw/database/"
  }
  assert {
    condition     = toset([for allow in data.aws_iam_policy_document.this["login"].statement : allow.sid]) == toset(["Decrypt", "Open"])
    error_message = "the role that opens the secret does more"
  }
  assert {
    condition     = [for allow in data.aws_iam_policy_document.this["merge"].statement : tolist(allow.resources) if allow.sid == "Write"] == [tolist(["arn:aws:s3:::curated/*"])]
    error_message = "Glue writes outside curated"
  }
  assert {
    condition = alltrue(flatten([
      for policy in values(data.aws_iam_policy_document.this) : [for allow in policy.statement : allow.sid == "Measure" || !contains(allow.resources, "*")]
    ]))
    error_message = "a statement is about everything"
  }
  assert {
    condition = alltrue(flatten([
      for policy in values(data.aws_iam_policy_document.this) : [for allow in policy.statement : [for action in allow.actions : !endswith(action, ":*")]]
    ]))
    error_message = "a statement allows every action of a service"
  }
  assert {
    condition     = [for allow in data.aws_iam_policy_document.this["merge"].statement : one(allow.condition).variable if allow.sid == "Measure"] == ["cloudwatch:namespace"]
    error_message = "metrics of any namespace can be written"
  }
  assert {
    condition     = alltrue([for allow in data.aws_iam_policy_document.this["merge"].statement : one(allow.condition).variable == "s3:prefix" if startswith(allow.sid, "List")])
    error_message = "a role lists more than its folders"
  }
}

run "people_look_and_the_scheduler_passes_to_glue_alone" {
  assert {
    condition     = !anytrue(flatten([for allow in data.aws_iam_policy_document.this["analyst"].statement : [for action in allow.actions : strcontains(action, "Create") || strcontains(action, "Update")]]))
    error_message = "people change the catalog"
  }
  assert {
    condition     = [for allow in data.aws_iam_policy_document.this["analyst"].statement : tolist(allow.resources) if allow.sid == "Query"] == [tolist(["arn:aws:athena:us-east-1:123456789012:workgroup/shop-dev-*"])]
    error_message = "people query in workgroups of others"
  }
  assert {
    condition     = [for allow in data.aws_iam_policy_document.this["statistics"].statement : tolist(one(allow.condition).values) if allow.sid == "PassToGlue"] == [tolist(["glue.amazonaws.com"])]
    error_message = "a role can be passed to any service"
  }
}

run "a_job_in_the_vpc_makes_interfaces_in_its_subnet_alone" {
  variables {
    roles = { merge = { service = "glue", description = "", network = { subnet_id = "subnet-1", security_group_ids = ["sg-1"] } } }
  }
  assert {
    condition = { for allow in data.aws_iam_policy_document.this["merge"].statement : allow.sid => tolist(allow.resources) if contains(["JoinNetwork", "LookAtNetwork"], allow.sid) } == {
      JoinNetwork   = tolist(["arn:aws:ec2:us-east-1:123456789012:network-interface/*", "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1", "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1"])
      LookAtNetwork = tolist(["*"])
    }
    error_message = "the job gets into other networks, or into none"
  }
  assert {
    condition = alltrue(flatten([
      for allow in data.aws_iam_policy_document.this["merge"].statement : [for action in allow.actions : startswith(action, "ec2:Describe")] if allow.sid == "LookAtNetwork"
    ]))
    error_message = "what is about everything is more than a look"
  }
  assert {
    condition     = { for allow in data.aws_iam_policy_document.this["merge"].statement : allow.sid => one(allow.condition).variable if contains(["LeaveNetwork", "MarkNetwork"], allow.sid) } == { LeaveNetwork = "ec2:Subnet", MarkNetwork = "aws:TagKeys" }
    error_message = "interfaces of others can be deleted or marked"
  }
}

run "a_network_that_no_job_runs_in" {
  command = plan
  variables {
    roles = { capture = { service = "dms", description = "", network = { subnet_id = "subnet-1", security_group_ids = ["sg-1"] } } }
  }
  expect_failures = [var.roles]
}

run "people_that_nobody_named" {
  command = plan
  variables {
    roles = { analyst = { service = "athena", description = "" } }
  }
  expect_failures = [var.roles]
}

run "a_service_without_a_trust" {
  command = plan
  variables {
    roles = { merge = { service = "ec2", description = "" } }
  }
  expect_failures = [var.roles]
}

run "a_prefix_that_reaches_further" {
  command = plan
  variables {
    roles = { merge = { service = "glue", description = "", reads = [{ bucket_arn = "arn:aws:s3:::lake", prefix = "raw" }] } }
  }
  expect_failures = [var.roles]
}

run "every_secret_at_once" {
  command = plan
  variables {
    roles = { login = { service = "dms-secrets", description = "", secret_arns = ["arn:aws:secretsmanager:us-east-1:123456789012:secret:*"] } }
  }
  expect_failures = [var.roles]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
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
