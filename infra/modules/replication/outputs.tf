output "role_arn" {
  description = "ARN of the role with which S3 copies."
  value       = aws_iam_role.this.arn
}
