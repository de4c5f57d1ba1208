# AutoCorp's lake in one environment. All of its roots are this text; how they differ lake.yaml says, and terraform.tfvars.json has it.

provider "aws" {
  region      = var.lake.region
  max_retries = var.aws_max_retries

  default_tags {
    tags = { Lake = var.lake.name, Environment = var.lake.environment, ManagedBy = "terraform" }
  }
}

# Where copies of raw and tables are kept, if they are: `replica_region` in lake.yaml.
provider "aws" {
  alias       = "replica"
  region      = coalesce(var.lake.replica_region, var.lake.region)
  max_retries = var.aws_max_retries

  default_tags {
    tags = { Lake = var.lake.name, Environment = var.lake.environment, ManagedBy = "terraform" }
  }
}

module "autocorp" {
  source       = "../lake"
  providers    = { aws = aws, aws.replica = aws.replica }
  lake         = var.lake
  rendered     = "${path.root}/rendered"
  shop_login   = var.shop_login
  shop_gateway = var.shop_gateway
  exports      = var.exports
}
