terraform {
  required_version = "~> 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # Bucket and region come from `bootstrap`: terraform init -backend-config=../backend.hcl
  backend "s3" {
    key          = "autocorp/staging/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
