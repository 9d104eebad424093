import type { status as english } from "../en/status";

export const status: typeof english = {
  status: {
    pending: "排队中",
    running: "运行中",
    completed: "已完成",
    failed: "失败",
    cancelled: "已取消",
  },
  outcome: {
    succeeded: "成功",
    failed: "失败",
    killed: "被信号终止",
    timed_out: "超时",
    cancelled: "已取消",
    said_failed: "脚本自报失败",
    stopped_on_error: "出错即停",
    log_limit: "日志超限",
    could_not_start: "无法启动",
    lost: "失联",
    with_issues: "完成但有问题",
  },
  stepStatus: {
    pending: "未开始",
    running: "运行中",
    completed: "已完成",
    failed: "失败",
    cancelled: "已取消",
    skipped: "已跳过",
    unknown: "未知",
  },
};
