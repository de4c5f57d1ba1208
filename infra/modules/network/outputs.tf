output "vpc_id" {
  description = "The VPC, made or existing."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "Its private subnets."
  value       = local.subnets
}

output "job_subnet" {
  description = "The subnet for jobs of Glue, which run in one, and its availability zone."
  value       = { subnet_id = local.subnets[0], availability_zone = local.made ? var.vpc.availability_zones[0] : data.aws_subnet.first[0].availability_zone }
}

output "security_group_ids" {
  description = "The security group of dms and that of glue; a database in AWS lets the first in."
  value       = { for service, group in aws_security_group.worker : service => group.id }
  depends_on  = [aws_vpc_endpoint.interface, aws_vpc_endpoint.s3, aws_route.this]
}
