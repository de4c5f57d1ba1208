mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name  = "shop-dev"
  rules = { orders = { database = "shop_dev_curated", table = "orders", document = "# all of them\nRules = [\n  IsComplete \"id\"\n]" } }
}

run "example" {
  command = plan
  module {
    source = "./examples/minimal"
  }
}

run "rules_are_deployed_as_they_are_written" {
  assert {
    condition     = aws_glue_data_quality_ruleset.this["orders"].ruleset == "# all of them\nRules = [\n  IsComplete \"id\"\n]"
    error_message = aws_glue_data_quality_ruleset.this["orders"].ruleset
  }
  assert {
    condition     = aws_glue_data_quality_ruleset.this["orders"].target_table[0].table_name == "orders" && output.names.orders == "shop-dev-orders"
    error_message = "the rules are about another table"
  }
}

run "no_rules" {
  command = plan
  variables {
    rules = { orders = { database = "shop_dev_curated", table = "orders", document = "Rules = [ ]" } }
  }
  expect_failures = [var.rules]
}

run "more_text_than_a_rule_set_may_have" {
  command = plan
  variables {
    rules = { orders = { database = "shop_dev_curated", table = "orders", document = "Rules = [ IsComplete \"id\" ]${format("%065536d", 0)}" } }
  }
  expect_failures = [var.rules]
}

run "two_rule_sets_of_a_table" {
  command = plan
  variables {
    rules = {
      first  = { database = "shop_dev_curated", table = "orders", document = "Rules = [ IsComplete \"id\" ]" }
      second = { database = "shop_dev_curated", table = "orders", document = "Rules = [ IsUnique \"id\" ]" }
    }
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
