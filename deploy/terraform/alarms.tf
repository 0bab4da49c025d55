resource "aws_sns_topic" "alarms" {
  name = "watchbill-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "AWS:SourceAccount" = local.account } }
    }]
  })
}

# Reading calls are events only where a rule asks for them.
resource "aws_cloudwatch_event_rule" "break_glass" {
  name          = "watchbill-break-glass"
  event_pattern = local.patterns.break_glass
  state         = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
}

resource "aws_cloudwatch_event_rule" "by_others" {
  name          = "watchbill-by-others"
  event_pattern = local.patterns.by_others
}

resource "aws_cloudwatch_event_target" "told" {
  for_each = {
    break_glass = aws_cloudwatch_event_rule.break_glass.name
    by_others   = aws_cloudwatch_event_rule.by_others.name
  }

  rule = each.value
  arn  = aws_sns_topic.alarms.arn
}

resource "aws_cloudwatch_event_rule" "alive" {
  name          = "watchbill-alive"
  event_pattern = local.patterns.alive
  state         = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
}

resource "aws_cloudwatch_metric_alarm" "silent" {
  alarm_name          = "watchbill-silent"
  alarm_description   = "No pass of watchbill has read this account for as long as it must."
  namespace           = "AWS/Events"
  metric_name         = "TriggeredRules"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.alive.name }
  statistic           = "Sum"
  period              = var.heartbeat_seconds
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_event_rule" "horizon" {
  count = local.half > 0 ? 1 : 0

  name          = "watchbill-horizon"
  event_pattern = local.patterns.horizon
}

resource "aws_cloudwatch_metric_alarm" "half_the_horizon_left" {
  count = local.half > 0 ? 1 : 0

  alarm_name          = "watchbill-half-the-horizon-left"
  alarm_description   = "Nobody has written a fence anew for half the horizon: on-call access ends when it does."
  namespace           = "AWS/Events"
  metric_name         = "TriggeredRules"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.horizon[0].name }
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = local.half
  datapoints_to_alarm = local.half
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
