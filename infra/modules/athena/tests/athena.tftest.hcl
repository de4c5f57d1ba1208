mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  results_uri = "s3://shop-dev-results/"
  workgroups  = { analysts = { description = "People", scan_limit_mb = 10240 } }
  queries     = { large_orders = { workgroup = "analysts", database = "shop_dev_curated", sql = "SELECT * FROM orders WHERE total > 1000" } }
  views = {
    sales = {
      database = "shop_dev_curated"
      name     = "sales"
      sql      = "SELECT day, sum(total) AS total FROM orders GROUP BY day"
      columns  = [{ name = "day", type = "string" }, { name = "total", type = "decimal(38,2)" }]
    }
  }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "limits_that_nobody_can_lift" {
  assert {
    condition     = aws_athena_workgroup.this["analysts"].configuration[0].enforce_workgroup_configuration && aws_athena_workgroup.this["analysts"].configuration[0].bytes_scanned_cutoff_per_query == 10737418240
    error_message = "a query may scan more than its workgroup allows"
  }
  assert {
    condition     = aws_athena_workgroup.this["analysts"].name == "shop-dev-analysts" && aws_athena_workgroup.this["analysts"].configuration[0].publish_cloudwatch_metrics_enabled
    error_message = "the workgroup has another name, or no metrics"
  }
}

run "results_are_encrypted_in_a_folder_of_their_workgroup" {
  assert {
    condition     = aws_athena_workgroup.this["analysts"].configuration[0].result_configuration[0].output_location == "s3://shop-dev-results/analysts/"
    error_message = "results of workgroups lie together"
  }
  assert {
    condition     = aws_athena_workgroup.this["analysts"].configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS"
    error_message = "results are in the clear"
  }
}

run "saved_queries_and_views" {
  assert {
    condition     = aws_athena_named_query.this["large_orders"].query == "SELECT * FROM orders WHERE total > 1000"
    error_message = "the query is another one"
  }
  assert {
    condition     = jsondecode(base64decode(split(" ", aws_glue_catalog_table.view["sales"].view_original_text)[3])).columns[0].type == "varchar"
    error_message = "Athena does not know the type"
  }
  assert {
    condition     = aws_glue_catalog_table.view["sales"].table_type == "VIRTUAL_VIEW" && aws_glue_catalog_table.view["sales"].storage_descriptor[0].columns[1].type == "decimal(38,2)"
    error_message = "the view is none"
  }
}

run "a_folder_that_is_none" {
  command = plan
  variables {
    results_uri = "s3://shop-dev-results"
  }
  expect_failures = [var.results_uri]
}

run "the_workgroup_of_aws" {
  command = plan
  variables {
    workgroups = { primary = { description = "", scan_limit_mb = 10 } }
    queries    = {}
  }
  expect_failures = [var.workgroups]
}

run "a_limit_below_athenas" {
  command = plan
  variables {
    workgroups = { analysts = { description = "", scan_limit_mb = 1 } }
  }
  expect_failures = [var.workgroups]
}

run "a_query_of_no_workgroup" {
  command = plan
  variables {
    queries = { q = { workgroup = "none", database = "d", sql = "SELECT 1" } }
  }
  expect_failures = [var.queries]
}

run "a_query_without_text" {
  command = plan
  variables {
    queries = { q = { workgroup = "analysts", database = "d", sql = "" } }
  }
  expect_failures = [var.queries]
}

run "a_view_that_needs_quotes" {
  command = plan
  variables {
    views = { v = { database = "d", name = "Sales-View", sql = "SELECT 1", columns = [{ name = "c", type = "string" }] } }
  }
  expect_failures = [var.views]
}

run "a_view_with_an_array" {
  command = plan
  variables {
    views = { v = { database = "d", name = "sales", sql = "SELECT 1", columns = [{ name = "c", type = "array<string>" }] } }
  }
  expect_failures = [var.views]
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
