"""The lake on AWS: what Terraform takes, made from lake.yaml, and what there is to know before and after it runs."""
