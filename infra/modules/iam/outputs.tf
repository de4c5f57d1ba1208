output "arns" {
  description = "ARN of each role, once its policy is in place."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
  depends_on  = [aws_iam_role_policy.this]
}
