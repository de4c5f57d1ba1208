mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "shop-dev"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  databases = {
    raw     = { description = "What arrives", location = "s3://shop-dev-raw/" }
    curated = { description = "Tables", location = "s3://shop-dev-curated/" }
  }
  tables = {
    orders = {
      database   = "curated"
      name       = "orders"
      location   = "s3://shop-dev-curated/orders"
      columns    = [{ name = "id", type = "bigint" }, { name = "total", type = "decimal(10,2)" }]
      partitions = [{ name = "day", type = "string" }]
    }
    parts = { database = "curated", name = "parts", location = "s3://shop-dev-curated/parts", type = "mor", columns = [{ name = "id", type = "bigint" }] }
  }
  crawlers   = { csv = { database = "raw", paths = ["s3://shop-dev-raw/csv/"], role_arn = "arn:aws:iam::123456789012:role/shop-dev-crawl" } }
  statistics = { schedule = "rate(7 days)", scheduler_role_arn = "arn:aws:iam::123456789012:role/shop-dev-statistics", glue_role_arn = "arn:aws:iam::123456789012:role/shop-dev-merge" }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "databases_are_named_as_athena_takes_them" {
  assert {
    condition     = output.databases == { raw = "shop_dev_raw", curated = "shop_dev_curated" }
    error_message = "databases: ${jsonencode(output.databases)}"
  }
}

run "hudi_tables_as_athena_reads_them" {
  assert {
    condition = { for key, table in aws_glue_catalog_table.this : table.name => table.storage_descriptor[0].input_format } == {
      orders   = "org.apache.hudi.hadoop.HoodieParquetInputFormat"
      parts_ro = "org.apache.hudi.hadoop.HoodieParquetInputFormat"
      parts_rt = "org.apache.hudi.hadoop.realtime.HoodieParquetRealtimeInputFormat"
    }
    error_message = "tables or formats are others"
  }
  assert {
    condition     = [for column in aws_glue_catalog_table.this["orders"].storage_descriptor[0].columns : column.name] == ["_hoodie_commit_time", "_hoodie_commit_seqno", "_hoodie_record_key", "_hoodie_partition_path", "_hoodie_file_name", "id", "total"]
    error_message = "columns are others"
  }
  assert {
    condition     = aws_glue_catalog_table.this["orders"].partition_keys[0].name == "day" && output.tables.curated == tolist(["orders", "parts_ro", "parts_rt"])
    error_message = "partitions or names are others"
  }
}

run "crawlers_add_and_never_delete" {
  assert {
    condition     = aws_glue_crawler.this["csv"].schema_change_policy[0].delete_behavior == "DEPRECATE_IN_DATABASE" && aws_glue_crawler.this["csv"].database_name == "shop_dev_raw"
    error_message = "a crawler deletes tables, or fills another database"
  }
}

run "statistics_of_each_table_once" {
  assert {
    condition     = toset(keys(aws_scheduler_schedule.statistics)) == toset(["orders", "parts_ro"])
    error_message = "schedules: ${join(", ", keys(aws_scheduler_schedule.statistics))}"
  }
  assert {
    condition     = jsondecode(aws_scheduler_schedule.statistics["orders"].target[0].input).TableName == "orders" && aws_scheduler_schedule.statistics["orders"].kms_key_arn == var.kms_key_arn
    error_message = "statistics are of another table, or the schedule is not encrypted"
  }
}

run "a_database_that_needs_quotes" {
  command = plan
  variables {
    databases = { Curated-Zone = { description = "", location = "s3://b/" } }
    tables    = {}
    crawlers  = {}
  }
  expect_failures = [var.databases]
}

run "a_database_outside_of_s3" {
  command = plan
  variables {
    databases = { raw = { description = "", location = "/data" }, curated = { description = "", location = "s3://b/" } }
  }
  expect_failures = [var.databases]
}

run "a_table_that_needs_quotes" {
  command = plan
  variables {
    tables = { t = { database = "curated", name = "Order-Lines", location = "s3://c/t", type = "cow", columns = [{ name = "id", type = "bigint" }] } }
  }
  expect_failures = [var.tables]
}

run "a_table_of_no_database" {
  command = plan
  variables {
    tables = { t = { database = "marts", name = "orders", location = "s3://c/t", type = "cow", columns = [{ name = "id", type = "bigint" }] } }
  }
  expect_failures = [var.tables]
}

run "a_table_of_no_type" {
  command = plan
  variables {
    tables = { t = { database = "curated", name = "orders", location = "s3://c/t", type = "iceberg", columns = [{ name = "id", type = "bigint" }] } }
  }
  expect_failures = [var.tables]
}

run "a_column_twice" {
  command = plan
  variables {
    tables = { t = { database = "curated", name = "orders", location = "s3://c/t", type = "cow", columns = [{ name = "id", type = "bigint" }, { name = "ID", type = "string" }] } }
  }
  expect_failures = [var.tables]
}

run "a_table_without_columns" {
  command = plan
  variables {
    tables = { t = { database = "curated", name = "orders", location = "s3://c/t", type = "cow", columns = [] } }
  }
  expect_failures = [var.tables]
}

run "a_crawler_of_no_database" {
  command = plan
  variables {
    crawlers = { csv = { database = "marts", paths = ["s3://r/csv/"], role_arn = "arn:aws:iam::123456789012:role/r" } }
  }
  expect_failures = [var.crawlers]
}

run "a_crawler_over_a_hudi_table" {
  command = plan
  variables {
    crawlers = { all = { database = "raw", paths = ["s3://shop-dev-curated/"], role_arn = "arn:aws:iam::123456789012:role/r" } }
  }
  expect_failures = [var.crawlers]
}

run "a_crawler_with_another_schedule" {
  command = plan
  variables {
    crawlers = { csv = { database = "raw", paths = ["s3://r/csv/"], role_arn = "arn:aws:iam::123456789012:role/r", schedule = "daily" } }
  }
  expect_failures = [var.crawlers]
}

run "statistics_with_another_schedule" {
  command = plan
  variables {
    statistics = { schedule = "weekly", scheduler_role_arn = "arn:aws:iam::123456789012:role/r", glue_role_arn = "arn:aws:iam::123456789012:role/r" }
  }
  expect_failures = [var.statistics]
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
