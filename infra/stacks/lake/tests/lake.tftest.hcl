mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name    = "shop-dev"
  network = { vpc = { cidr = "10.20.0.0/20", availability_zones = ["us-east-1a", "us-east-1b"] } }
  tables = {
    orders = { zone = "curated", name = "orders", path = "orders", columns = [{ name = "id", type = "bigint" }] }
  }
  crawlers = { csv = { paths = ["csv/"] } }
  rules    = { orders = "Rules = [ IsComplete \"id\" ]" }
  queries  = { all_orders = { workgroup = "analysts", zone = "curated", sql = "SELECT * FROM orders" } }
  emails   = ["data@shop.example"]
  analysts = ["arn:aws:iam::123456789012:role/people"]
}

run "zones_and_databases" {
  assert {
    condition     = output.zones.curated == "s3://shop-dev-curated-123456789012-us-east-1/" && length(output.zones) == 4
    error_message = "zones: ${jsonencode(output.zones)}"
  }
  assert {
    condition     = output.databases == { curated = "shop_dev_curated", raw = "shop_dev_raw" }
    error_message = "databases: ${jsonencode(output.databases)}"
  }
  assert {
    condition     = output.workflow == null && length(module.jobs) == 0
    error_message = "a workflow without a job"
  }
}

run "jobs_that_arrivals_start" {
  variables {
    jobs  = { merge = { description = "Merges", script = "merge.py" } }
    start = { by = "arrival" }
  }
  assert {
    condition     = output.workflow == "shop-dev" && module.jobs[0].jobs == { merge = "shop-dev-merge" }
    error_message = "the job or its workflow has another name"
  }
}

run "jobs_outside_the_vpc_pay_for_no_endpoints" {
  variables {
    jobs = { merge = { description = "Merges", script = "merge.py" } }
  }
  assert {
    condition     = local.jobs_in == null && local.endpoints == toset(["secretsmanager"])
    error_message = "endpoints: ${join(", ", local.endpoints)}"
  }
}

run "jobs_in_the_vpc_reach_aws_by_its_endpoints" {
  variables {
    jobs        = { merge = { description = "Merges", script = "merge.py" } }
    jobs_in_vpc = true
  }
  assert {
    condition     = local.jobs_in.availability_zone == "us-east-1a" && local.jobs_in.subnet_id == output.lake.subnet_ids[0] && local.jobs_in.security_group_ids == [output.lake.security_group_ids["glue"]]
    error_message = "jobs run in ${jsonencode(local.jobs_in)}"
  }
  assert {
    condition     = local.endpoints == toset(["glue", "kms", "logs", "monitoring", "secretsmanager", "sts"])
    error_message = "endpoints: ${join(", ", local.endpoints)}"
  }
}

run "jobs_that_know_the_lake" {
  variables {
    jobs    = { merge = { description = "Merges", script = "merge.py" } }
    project = "{}"
  }
  assert {
    condition = local.code == {
      "--bundle"                          = "s3://shop-dev-logs-123456789012-us-east-1/code/project.json"
      "--zones"                           = "curated=s3://shop-dev-curated-123456789012-us-east-1,logs=s3://shop-dev-logs-123456789012-us-east-1,raw=s3://shop-dev-raw-123456789012-us-east-1"
      "--databases"                       = "curated=shop_dev_curated"
      "--additional-python-modules"       = "s3://shop-dev-logs-123456789012-us-east-1/code/lakewright.gluewheels.zip"
      "--python-modules-installer-option" = "--no-index"
    }
    error_message = "jobs are told: ${jsonencode(local.code)}"
  }
  assert {
    condition     = [for place in local.merge_writes : place.prefix] == ["database/", "files/", "csv/", "glue/", "files/"]
    error_message = "the job may write to: ${jsonencode(local.merge_writes)}"
  }
}

run "one_bucket_that_may_go" {
  variables {
    one_bucket = true
    disposable = true
  }
  assert {
    condition     = output.lake.raw.prefix == "raw/" && output.lake.disposable
    error_message = "raw is elsewhere"
  }
}

run "watching_the_other_stacks" {
  variables {
    watched = {
      dms_tasks      = { shop = { arn = "arn:aws:dms:us-east-1:123456789012:task:ABC", dimensions = { ReplicationTaskIdentifier = "ABC" } } }
      datasync_tasks = { exports = "arn:aws:datasync:us-east-1:123456789012:task/task-1" }
    }
    bucket_limit_gb = 100
    monthly_usd     = 200
    trail           = true
  }
  assert {
    condition     = startswith(output.lake.topic_arn, "arn:aws:sns:")
    error_message = "nobody to tell"
  }
}

run "a_lake_without_results" {
  command = plan
  variables {
    zones  = { raw = { holds = "raw" }, logs = { holds = "logs" } }
    tables = {}
    rules  = {}
  }
  expect_failures = [var.zones]
}

run "a_table_in_raw" {
  command = plan
  variables {
    tables = { orders = { zone = "raw", name = "orders", path = "orders", columns = [{ name = "id", type = "bigint" }] } }
    rules  = {}
  }
  expect_failures = [var.tables]
}

run "rules_of_a_table_that_is_two_in_the_catalog" {
  command = plan
  variables {
    tables = {
      orders = { zone = "curated", name = "orders", path = "orders", type = "mor", columns = [{ name = "id", type = "bigint" }] }
    }
  }
  expect_failures = [var.rules]
}

run "rules_of_no_table" {
  command = plan
  variables {
    rules = { customers = "Rules = [ IsComplete \"id\" ]" }
  }
  expect_failures = [var.rules]
}

run "a_name_that_aws_refuses" {
  command = plan
  variables {
    name = "Shop_Dev"
  }
  expect_failures = [var.name]
}
